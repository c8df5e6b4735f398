/* CPython module: each function checks its arguments, then calls one drawing function of _draw.h. */
#include "_arguments.h"

static PyObject *draw_plane(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *depth_object, *camera_object;
    double z_m, far_m;
    if (!PyArg_ParseTuple(args, "OOdd", &depth_object, &camera_object, &z_m, &far_m)) return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    if (get_depth(&arrays, depth_object, &depth) && get_camera(&arrays, camera_object, &camera))
        depth_plane(depth, &camera, z_m, far_m);
    return end_call(&arrays);
}

static PyObject *draw_depth(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *depth_object, *camera_object, *quads_object;
    float near_m, bias;
    if (!PyArg_ParseTuple(args, "OOOff", &depth_object, &camera_object, &quads_object, &near_m, &bias)) return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    const float *quads;
    int count;
    if (get_depth(&arrays, depth_object, &depth) && get_camera(&arrays, camera_object, &camera) &&
        get_quads(&arrays, quads_object, &quads, &count))
        depth_quads(depth, &camera, quads, count, near_m, bias);
    return end_call(&arrays);
}

static PyObject *draw_coverage(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *depth_object, *camera_object, *quads_object, *sums_object, *coverage_object, *spans_object;
    float near_m, far_m;
    if (!PyArg_ParseTuple(args, "OOOffOOO", &depth_object, &camera_object, &quads_object, &near_m, &far_m, &sums_object,
                          &coverage_object, &spans_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    const float *quads;
    float *sums;
    Layer layer;
    int count;
    if (get_depth(&arrays, depth_object, &depth) && get_camera(&arrays, camera_object, &camera) &&
        get_quads(&arrays, quads_object, &quads, &count) &&
        get_scratch(&arrays, sums_object, spans_object, depth, &sums, &layer.spans)) {
        Py_buffer *coverage = get_shaped_array(&arrays, coverage_object, "coverage", "B",
                                               PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 2, depth.height, depth.width, 0);
        if (coverage) {
            layer.coverage = coverage->buf;
            rasterize_quads(depth, &camera, quads, count, near_m, far_m, sums, layer);
        }
    }
    return end_call(&arrays);
}

static PyObject *draw_ground(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *camera_object, *coverage_object, *spans_object, *textures[5], *beam_object;
    PyObject *appearance_object;
    if (!PyArg_ParseTuple(args, "OOOOO(OOOOO)OO", &image_object, &depth_object, &camera_object, &coverage_object,
                          &spans_object, &textures[0], &textures[1], &textures[2], &textures[3], &textures[4],
                          &beam_object, &appearance_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    Surfaces surfaces;
    uint8_t *image;
    if (!get_depth(&arrays, depth_object, &depth) || !get_camera(&arrays, camera_object, &camera) ||
        !(image = get_image(&arrays, image_object, depth)) || !get_texture(&arrays, textures[0], 4, &surfaces.grass) ||
        !get_texture(&arrays, textures[1], 1, &surfaces.grain) ||
        !get_texture(&arrays, textures[2], 1, &surfaces.wear) ||
        !get_texture(&arrays, textures[3], 1, &surfaces.shadow) ||
        !get_texture(&arrays, textures[4], 1, &surfaces.puddle))
        return end_call(&arrays);
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *coverage =
        get_shaped_array(&arrays, coverage_object, "coverage", "B", read, 3, LAYERS, depth.height, depth.width);
    Py_buffer *spans =
        coverage ? get_shaped_array(&arrays, spans_object, "spans", "i", read, 3, LAYERS, depth.height, 2) : NULL;
    Py_buffer *beam =
        spans ? get_shaped_array(&arrays, beam_object, "beam", "B", read, 2, depth.height, depth.width, 0) : NULL;
    Py_ssize_t fields = sizeof(Appearance) / sizeof(float);
    Py_buffer *appearance =
        beam ? get_shaped_array(&arrays, appearance_object, "appearance", "f", read, 1, fields, 0, 0) : NULL;
    if (appearance) {
        Layer layers[LAYERS];
        for (int i = 0; i < LAYERS; i++)
            layers[i] = (Layer){(uint8_t *)coverage->buf + (long)i * depth.height * depth.width,
                                (int32_t *)spans->buf + 2L * i * depth.height};
        surfaces.beam = beam->buf;
        shade_ground(image, depth, &camera, layers, &surfaces, appearance->buf);
    }
    return end_call(&arrays);
}

static PyObject *draw_panorama(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *camera_object, *texels_object;
    Panorama panorama;
    if (!PyArg_ParseTuple(args, "OOOOff", &image_object, &depth_object, &camera_object, &texels_object,
                          &panorama.px_per_rad, &panorama.lowest))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    uint8_t *image;
    if (get_depth(&arrays, depth_object, &depth) && get_camera(&arrays, camera_object, &camera) &&
        (image = get_image(&arrays, image_object, depth))) {
        Py_buffer *texels = get_shaped_array(&arrays, texels_object, "panorama", "B", PyBUF_C_CONTIGUOUS, 3, -1, -1, 4);
        if (texels) {
            panorama.texels = texels->buf;
            panorama.rows = (int)texels->shape[0], panorama.around = (int)texels->shape[1];
            draw_sky(image, depth, &camera, &panorama);
        }
    }
    return end_call(&arrays);
}

static PyObject *draw_billboard_array(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *camera_object, *sprites_object, *billboards_object, *atmosphere_object;
    int sizes;
    if (!PyArg_ParseTuple(args, "OOOOiOO", &image_object, &depth_object, &camera_object, &sprites_object, &sizes,
                          &billboards_object, &atmosphere_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    uint8_t *image;
    Sprite sprites[MAX_SPRITES];
    int known;
    if (!get_depth(&arrays, depth_object, &depth) || !get_camera(&arrays, camera_object, &camera) ||
        !(image = get_image(&arrays, image_object, depth)) ||
        !(known = get_sprites(&arrays, sprites_object, sprites, MAX_SPRITES)))
        return end_call(&arrays);
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *billboards = get_shaped_array(&arrays, billboards_object, "billboards", "f", read, 2, -1,
                                             sizeof(Billboard) / sizeof(float), 0);
    Py_buffer *atmosphere = billboards ? get_shaped_array(&arrays, atmosphere_object, "atmosphere", "f", read, 1,
                                                          sizeof(Atmosphere) / sizeof(float), 0, 0)
                                       : NULL;
    if (atmosphere && (sizes < 1 || known % sizes))
        PyErr_Format(PyExc_ValueError, "sizes: %d sprites are not divisible into kinds of %d sizes", known, sizes);
    if (atmosphere && !PyErr_Occurred()) {
        void *scratch = PyMem_Malloc(16 * billboards->shape[0] + 1);
        if (scratch)
            draw_billboards(image, depth, &camera, sprites, known / sizes, sizes, billboards->buf,
                            (int)billboards->shape[0], atmosphere->buf, scratch);
        else
            PyErr_NoMemory();
        PyMem_Free(scratch);
    }
    return end_call(&arrays);
}

static PyObject *draw_vehicle_array(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *camera_object, *model_object, *vehicle_object, *sums_object, *spans_object;
    if (!PyArg_ParseTuple(args, "OOOOOOO", &image_object, &depth_object, &camera_object, &model_object, &vehicle_object,
                          &sums_object, &spans_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    Model model;
    uint8_t *image;
    float *sums;
    int32_t *spans;
    if (get_depth(&arrays, depth_object, &depth) && get_camera(&arrays, camera_object, &camera) &&
        (image = get_image(&arrays, image_object, depth)) && get_model(&arrays, model_object, &model) &&
        get_scratch(&arrays, sums_object, spans_object, depth, &sums, &spans)) {
        Py_buffer *vehicle = get_shaped_array(&arrays, vehicle_object, "vehicle", "f", PyBUF_C_CONTIGUOUS, 1,
                                              sizeof(Vehicle) / sizeof(float), 0, 0);
        if (vehicle) draw_vehicle(image, depth, &camera, &model, vehicle->buf, sums, spans);
    }
    return end_call(&arrays);
}

static PyObject *draw_drops_array(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *at_object, *source_object;
    if (!PyArg_ParseTuple(args, "OOO", &image_object, &at_object, &source_object)) return NULL;
    Arrays arrays = {.count = 0};
    Py_buffer *image = get_array(&arrays, image_object, "image", "B", 3, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
    Py_buffer *at = image ? get_array(&arrays, at_object, "at", "i", 1, PyBUF_C_CONTIGUOUS) : NULL;
    Py_buffer *source =
        at ? get_shaped_array(&arrays, source_object, "source", "i", PyBUF_C_CONTIGUOUS, 1, at->shape[0], 0, 0) : NULL;
    if (source) {
        const int32_t *from = source->buf, *to = at->buf;
        Py_ssize_t pixels = image->len / 3;
        for (Py_ssize_t i = 0; i < at->shape[0] && !PyErr_Occurred(); i++)
            if (to[i] < 0 || to[i] >= pixels || from[i] < 0 || from[i] >= pixels)
                PyErr_Format(PyExc_ValueError, "drops: pixel %d or %d is outside the image", to[i], from[i]);
        if (!PyErr_Occurred()) draw_drops(image->buf, to, from, (int)at->shape[0]);
    }
    return end_call(&arrays);
}

static PyObject *draw_polygons(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *corners_object, *counts_object, *colours_object, *sums_object,
        *spans_object;
    if (!PyArg_ParseTuple(args, "OOOOOOO", &image_object, &depth_object, &corners_object, &counts_object,
                          &colours_object, &sums_object, &spans_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    uint8_t *image;
    float *sums;
    int32_t *spans;
    if (!get_depth(&arrays, depth_object, &depth) || !(image = get_image(&arrays, image_object, depth)) ||
        !get_scratch(&arrays, sums_object, spans_object, depth, &sums, &spans))
        return end_call(&arrays);
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *corners = get_shaped_array(&arrays, corners_object, "corners", "f", read, 2, -1, 3, 0);
    Py_buffer *counts = corners ? get_shaped_array(&arrays, counts_object, "counts", "i", read, 1, -1, 0, 0) : NULL;
    Py_buffer *colours =
        counts ? get_shaped_array(&arrays, colours_object, "colours", "f", read, 2, counts->shape[0], 5, 0) : NULL;
    if (colours) {
        const Pixel *next = corners->buf, *end = next + corners->shape[0];
        const float *colour = colours->buf;
        for (Py_ssize_t i = 0; i < counts->shape[0]; i++, colour += 5) {
            int count = ((const int32_t *)counts->buf)[i];
            if (count < 3 || count > end - next) {
                PyErr_Format(PyExc_ValueError, "counts[%zd]: expected 3 to %zd corners, found %d", i,
                             (Py_ssize_t)(end - next), count);
                break;
            }
            draw_polygon(image, depth, next, count, colour, colour[3], colour[4] != 0, sums, spans);
            next += count;
        }
    }
    return end_call(&arrays);
}

static PyObject *draw_exposure(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *mask_object, *veil_object, *noise_object;
    int blur, gain, offset;
    if (!PyArg_ParseTuple(args, "OiOiOOi", &image_object, &blur, &mask_object, &gain, &veil_object, &noise_object,
                          &offset))
        return NULL;
    Arrays arrays = {.count = 0};
    Py_buffer *image = get_array(&arrays, image_object, "image", "B", 3, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
    if (!image) return end_call(&arrays);
    Py_ssize_t height = image->shape[0], width = image->shape[1];
    if (image->shape[2] != 3 || width < 1 || width > MAX_WIDTH || height < 1 || gain < 0 || gain > 1024 || blur < 0 ||
        blur > 85)
        PyErr_Format(PyExc_ValueError,
                     "expected 3 channels, 1 to %d columns, a gain of 0 to 1024 and a blur of 0 to 85", MAX_WIDTH);
    Py_buffer *mask = NULL, *veil = NULL, *noise = NULL;
    if (!PyErr_Occurred() && mask_object != Py_None)
        mask = get_shaped_array(&arrays, mask_object, "mask", "B", PyBUF_C_CONTIGUOUS, 3, height, width, 3);
    if (!PyErr_Occurred() && veil_object != Py_None)
        veil = get_shaped_array(&arrays, veil_object, "veil", "B", PyBUF_STRIDES, 3, height, width, 3);
    if (!PyErr_Occurred())
        noise = get_shaped_array(&arrays, noise_object, "noise", "B", PyBUF_STRIDES, 3, height, width, 3);
    if (noise && (noise->strides[1] != 3 || (veil && veil->strides[1] != 3)))
        PyErr_SetString(PyExc_ValueError, "veil and noise: expected pixels without gaps between them");
    if (!PyErr_Occurred())
        expose(image->buf, (int)width, (int)height, blur, mask ? mask->buf : NULL, gain, veil ? veil->buf : NULL,
               veil ? (long)veil->strides[0] : 0, noise->buf, (long)noise->strides[0], offset);
    return end_call(&arrays);
}

static PyMethodDef methods[] = {
    {"plane", draw_plane, METH_VARARGS, NULL},
    {"depth", draw_depth, METH_VARARGS, NULL},
    {"coverage", draw_coverage, METH_VARARGS, NULL},
    {"ground", draw_ground, METH_VARARGS, NULL},
    {"panorama", draw_panorama, METH_VARARGS, NULL},
    {"billboards", draw_billboard_array, METH_VARARGS, NULL},
    {"polygons", draw_polygons, METH_VARARGS, NULL},
    {"expose", draw_exposure, METH_VARARGS, NULL},
    {"vehicle", draw_vehicle_array, METH_VARARGS, NULL},
    {"drops", draw_drops_array, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_draw", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit__draw(void) {
#define APPEARANCE_NAME(name) #name " "
    static const char fields[] = APPEARANCE_FIELDS(APPEARANCE_NAME);
    PyObject *self = PyModule_Create(&module);
    if (self && PyModule_AddStringConstant(self, "APPEARANCE_FIELDS", fields)) Py_CLEAR(self);
    if (self && PyModule_AddIntConstant(self, "LAYERS", LAYERS)) Py_CLEAR(self);
    return self;
}
