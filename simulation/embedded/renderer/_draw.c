/* CPython glue over _draw.h: checks the arrays, then draws. Speaks the buffer protocol, so it needs no NumPy headers. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_draw.h"

#define MAX_BUFFERS 16
#define MAX_SPRITES 64

/* The arrays of one call, released together. */
typedef struct {
    Py_buffer buffers[MAX_BUFFERS];
    int count;
} Arrays;

static void release(Arrays *arrays) {
    while (arrays->count > 0) PyBuffer_Release(&arrays->buffers[--arrays->count]);
}

/* A C-contiguous array of one item type and dimension; NULL with an error that names the argument. */
static Py_buffer *take(Arrays *arrays, PyObject *object, const char *name, const char *format, int ndim, int flags) {
    Py_buffer *buffer = &arrays->buffers[arrays->count];
    if (PyObject_GetBuffer(object, buffer, flags | PyBUF_FORMAT | PyBUF_ND)) return NULL;
    arrays->count++;
    if (strcmp(buffer->format, format) || buffer->ndim != ndim) {
        PyErr_Format(PyExc_ValueError, "%s: expected %d dimensions of '%s', found %d of '%s'", name, ndim, format,
                     buffer->ndim, buffer->format);
        return NULL;
    }
    return buffer;
}

static Py_buffer *take_shaped(Arrays *arrays, PyObject *object, const char *name, const char *format, int flags,
                              int ndim, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c) {
    Py_buffer *buffer = take(arrays, object, name, format, ndim, flags);
    const Py_ssize_t wanted[] = {a, b, c};
    for (int i = 0; buffer && i < ndim; i++)
        if (wanted[i] >= 0 && buffer->shape[i] != wanted[i]) {
            PyErr_Format(PyExc_ValueError, "%s: expected %zd along axis %d, found %zd", name, wanted[i], i,
                         buffer->shape[i]);
            return NULL;
        }
    return buffer;
}

static int take_depth(Arrays *arrays, PyObject *object, Depth *depth) {
    Py_buffer *buffer = take(arrays, object, "depth", "f", 2, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
    if (!buffer) return 0;
    if (buffer->shape[0] < 1 || buffer->shape[1] < 1 || buffer->shape[1] > MAX_WIDTH) {
        PyErr_Format(PyExc_ValueError, "depth: expected 1 to %d columns, found %zd", MAX_WIDTH, buffer->shape[1]);
        return 0;
    }
    *depth = (Depth){buffer->buf, (int)buffer->shape[1], (int)buffer->shape[0]};
    return 1;
}

static uint8_t *take_image(Arrays *arrays, PyObject *object, Depth depth) {
    Py_buffer *buffer = take_shaped(arrays, object, "image", "B", PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 3, depth.height,
                                    depth.width, 3);
    return buffer ? buffer->buf : NULL;
}

static int take_camera(Arrays *arrays, PyObject *object, Camera *camera) {
    Py_buffer *buffer =
        take_shaped(arrays, object, "camera", "d", PyBUF_C_CONTIGUOUS, 1, sizeof(Camera) / sizeof(double), 0, 0);
    if (!buffer) return 0;
    memcpy(camera, buffer->buf, sizeof *camera);
    return 1;
}

static int take_quads(Arrays *arrays, PyObject *object, const float **quads, int *count) {
    Py_buffer *buffer = take_shaped(arrays, object, "quads", "f", PyBUF_C_CONTIGUOUS, 3, -1, 4, 3);
    if (!buffer) return 0;
    *quads = buffer->buf, *count = (int)buffer->shape[0];
    return 1;
}

static int take_scratch(Arrays *arrays, PyObject *sums_object, PyObject *spans_object, Depth depth, float **sums,
                        int32_t **spans) {
    Py_buffer *buffer = take_shaped(arrays, sums_object, "sums", "f", PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 2,
                                    depth.height, depth.width + 2, 0);
    if (!buffer) return 0;
    *sums = buffer->buf;
    buffer = take_shaped(arrays, spans_object, "spans", "i", PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 2, depth.height, 2, 0);
    if (!buffer) return 0;
    *spans = buffer->buf;
    return 1;
}

/* (levels one after the other in one array of bytes, side of the first, bytes per texel, number of levels, shift) */
static int take_texture(Arrays *arrays, PyObject *object, int wanted_bytes, Texture *texture) {
    PyObject *texels;
    int side, bytes;
    if (!PyArg_ParseTuple(object, "Oiiii;texture", &texels, &side, &bytes, &texture->count, &texture->shift)) return 0;
    Py_buffer *buffer = take(arrays, texels, "texture", "B", 1, PyBUF_C_CONTIGUOUS);
    if (!buffer) return 0;
    Py_ssize_t needed = 0;
    int is_sound = bytes == wanted_bytes && texture->count >= 1 && texture->count <= MAX_LEVELS && side > 0 &&
                   side <= 4096 && (side & (side - 1)) == 0 && side >> (texture->count - 1) > 0 && texture->shift >= 0 &&
                   texture->shift < 16;
    for (int i = 0; is_sound && i < texture->count; i++) {
        texture->texels[i] = (const uint8_t *)buffer->buf + needed;
        texture->side[i] = side >> i;
        needed += (Py_ssize_t)(side >> i) * (side >> i) * bytes;
    }
    if (!is_sound || buffer->len < needed) {
        PyErr_Format(PyExc_ValueError, "texture: side %d, %d bytes per texel, %d levels do not fit", side, bytes,
                     texture->count);
        return 0;
    }
    return 1;
}

/* Ends a call: None, or NULL when an error is set. */
static PyObject *done(Arrays *arrays) {
    release(arrays);
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

static PyObject *draw_plane(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *depth_object, *camera_object;
    double z_m, far_m;
    if (!PyArg_ParseTuple(args, "OOdd", &depth_object, &camera_object, &z_m, &far_m)) return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    if (take_depth(&arrays, depth_object, &depth) && take_camera(&arrays, camera_object, &camera))
        depth_plane(depth, &camera, z_m, far_m);
    return done(&arrays);
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
    if (take_depth(&arrays, depth_object, &depth) && take_camera(&arrays, camera_object, &camera) &&
        take_quads(&arrays, quads_object, &quads, &count))
        depth_quads(depth, &camera, quads, count, near_m, bias);
    return done(&arrays);
}

static PyObject *draw_cover(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *depth_object, *camera_object, *quads_object, *sums_object, *cover_object, *spans_object;
    float near_m, far_m;
    if (!PyArg_ParseTuple(args, "OOOffOOO", &depth_object, &camera_object, &quads_object, &near_m, &far_m, &sums_object,
                          &cover_object, &spans_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    const float *quads;
    float *sums;
    Layer layer;
    int count;
    if (take_depth(&arrays, depth_object, &depth) && take_camera(&arrays, camera_object, &camera) &&
        take_quads(&arrays, quads_object, &quads, &count) &&
        take_scratch(&arrays, sums_object, spans_object, depth, &sums, &layer.spans)) {
        Py_buffer *cover = take_shaped(&arrays, cover_object, "cover", "B", PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 2,
                                       depth.height, depth.width, 0);
        if (cover) {
            layer.cover = cover->buf;
            cover_quads(depth, &camera, quads, count, near_m, far_m, sums, layer);
        }
    }
    return done(&arrays);
}

static PyObject *draw_ground(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *camera_object, *cover_object, *spans_object, *textures[5], *beam_object;
    PyObject *look_object;
    if (!PyArg_ParseTuple(args, "OOOOO(OOOOO)OO", &image_object, &depth_object, &camera_object, &cover_object,
                          &spans_object, &textures[0], &textures[1], &textures[2], &textures[3], &textures[4],
                          &beam_object, &look_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    Surfaces surfaces;
    uint8_t *image;
    if (!take_depth(&arrays, depth_object, &depth) || !take_camera(&arrays, camera_object, &camera) ||
        !(image = take_image(&arrays, image_object, depth)) || !take_texture(&arrays, textures[0], 4, &surfaces.grass) ||
        !take_texture(&arrays, textures[1], 1, &surfaces.grain) ||
        !take_texture(&arrays, textures[2], 1, &surfaces.wear) ||
        !take_texture(&arrays, textures[3], 1, &surfaces.shadow) ||
        !take_texture(&arrays, textures[4], 1, &surfaces.puddle))
        return done(&arrays);
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *cover = take_shaped(&arrays, cover_object, "cover", "B", read, 3, LAYERS, depth.height, depth.width);
    Py_buffer *spans = cover ? take_shaped(&arrays, spans_object, "spans", "i", read, 3, LAYERS, depth.height, 2) : NULL;
    Py_buffer *beam = spans ? take_shaped(&arrays, beam_object, "beam", "B", read, 2, depth.height, depth.width, 0) : NULL;
    Py_ssize_t fields = sizeof(Look) / sizeof(float);
    Py_buffer *look = beam ? take_shaped(&arrays, look_object, "look", "f", read, 1, fields, 0, 0) : NULL;
    if (look) {
        Layer layers[LAYERS];
        for (int i = 0; i < LAYERS; i++)
            layers[i] = (Layer){(uint8_t *)cover->buf + (long)i * depth.height * depth.width,
                                (int32_t *)spans->buf + 2L * i * depth.height};
        surfaces.beam = beam->buf;
        shade_ground(image, depth, &camera, layers, &surfaces, look->buf);
    }
    return done(&arrays);
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
    if (take_depth(&arrays, depth_object, &depth) && take_camera(&arrays, camera_object, &camera) &&
        (image = take_image(&arrays, image_object, depth))) {
        Py_buffer *texels = take_shaped(&arrays, texels_object, "panorama", "B", PyBUF_C_CONTIGUOUS, 3, -1, -1, 4);
        if (texels) {
            panorama.texels = texels->buf;
            panorama.rows = (int)texels->shape[0], panorama.around = (int)texels->shape[1];
            draw_sky(image, depth, &camera, &panorama);
        }
    }
    return done(&arrays);
}

/* (pictures one after the other in one array of bytes, their widths and heights) -> sprites; at most `room` */
static int take_sprites(Arrays *arrays, PyObject *object, Sprite *sprites, int room) {
    PyObject *texels_object, *sizes_object;
    if (!PyArg_ParseTuple(object, "OO;sprites", &texels_object, &sizes_object)) return 0;
    Py_buffer *texels = take(arrays, texels_object, "sprites", "B", 1, PyBUF_C_CONTIGUOUS);
    Py_buffer *sizes =
        texels ? take_shaped(arrays, sizes_object, "sizes", "i", PyBUF_C_CONTIGUOUS, 2, -1, 2, 0) : NULL;
    if (!sizes) return 0;
    Py_ssize_t count = sizes->shape[0], needed = 0;
    int is_sound = count > 0 && count <= room;
    for (Py_ssize_t i = 0; is_sound && i < count; i++) {
        int width = ((const int32_t *)sizes->buf)[2 * i], height = ((const int32_t *)sizes->buf)[2 * i + 1];
        is_sound = width > 0 && width <= MAX_WIDTH && height > 0 && height <= MAX_WIDTH;
        sprites[i] = (Sprite){(const uint8_t *)texels->buf + needed, width, height};
        needed += 4L * width * height;
    }
    if (!is_sound || texels->len < needed) {
        PyErr_Format(PyExc_ValueError, "sprites: %zd bytes do not hold %zd pictures, of %d at most", texels->len, count,
                     room);
        return 0;
    }
    return (int)count;
}

static PyObject *draw_upright(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *camera_object, *sprites_object, *things_object, *air_object;
    int sizes;
    if (!PyArg_ParseTuple(args, "OOOOiOO", &image_object, &depth_object, &camera_object, &sprites_object, &sizes,
                          &things_object, &air_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    uint8_t *image;
    Sprite sprites[MAX_SPRITES];
    int known;
    if (!take_depth(&arrays, depth_object, &depth) || !take_camera(&arrays, camera_object, &camera) ||
        !(image = take_image(&arrays, image_object, depth)) ||
        !(known = take_sprites(&arrays, sprites_object, sprites, MAX_SPRITES)))
        return done(&arrays);
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *things =
        take_shaped(&arrays, things_object, "things", "f", read, 2, -1, sizeof(Standing) / sizeof(float), 0);
    Py_buffer *air =
        things ? take_shaped(&arrays, air_object, "air", "f", read, 1, sizeof(Air) / sizeof(float), 0, 0) : NULL;
    if (air && (sizes < 1 || known % sizes))
        PyErr_Format(PyExc_ValueError, "sizes: %d pictures are not of %d sizes each", known, sizes);
    if (air && !PyErr_Occurred()) {
        void *scratch = PyMem_Malloc(16 * things->shape[0] + 1);
        if (scratch)
            draw_standing(image, depth, &camera, sprites, known / sizes, sizes, things->buf, (int)things->shape[0],
                          air->buf, scratch);
        else
            PyErr_NoMemory();
        PyMem_Free(scratch);
    }
    return done(&arrays);
}

/* (corners, starts, faces) */
static int take_model(Arrays *arrays, PyObject *object, Model *model) {
    PyObject *corners_object, *starts_object, *faces_object;
    if (!PyArg_ParseTuple(object, "OOO;model", &corners_object, &starts_object, &faces_object)) return 0;
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *corners = take_shaped(arrays, corners_object, "corners", "f", read, 2, -1, 3, 0);
    Py_buffer *faces =
        corners ? take_shaped(arrays, faces_object, "faces", "f", read, 2, -1, sizeof(Face) / sizeof(float), 0) : NULL;
    Py_buffer *starts =
        faces ? take_shaped(arrays, starts_object, "starts", "i", read, 1, faces->shape[0] + 1, 0, 0) : NULL;
    if (!starts) return 0;
    *model = (Model){corners->buf, starts->buf, faces->buf, (int)corners->shape[0], (int)faces->shape[0]};
    int is_sound = model->corner_count <= MAX_MODEL_CORNERS && model->face_count <= MAX_FACES && model->starts[0] == 0 &&
                   model->starts[model->face_count] == model->corner_count;
    for (int i = 0; is_sound && i < model->face_count; i++) {
        int count = model->starts[i + 1] - model->starts[i];
        is_sound = count >= 3 && count <= MAX_CORNERS;
    }
    if (!is_sound)
        PyErr_Format(PyExc_ValueError, "model: expected faces of 3 to %d corners, at most %d faces and %d corners",
                     MAX_CORNERS, MAX_FACES, MAX_MODEL_CORNERS);
    return is_sound;
}

static PyObject *draw_model(PyObject *Py_UNUSED(self), PyObject *args) {
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
    if (take_depth(&arrays, depth_object, &depth) && take_camera(&arrays, camera_object, &camera) &&
        (image = take_image(&arrays, image_object, depth)) && take_model(&arrays, model_object, &model) &&
        take_scratch(&arrays, sums_object, spans_object, depth, &sums, &spans)) {
        Py_buffer *vehicle = take_shaped(&arrays, vehicle_object, "vehicle", "f", PyBUF_C_CONTIGUOUS, 1,
                                         sizeof(Vehicle) / sizeof(float), 0, 0);
        if (vehicle) draw_vehicle(image, depth, &camera, &model, vehicle->buf, sums, spans);
    }
    return done(&arrays);
}

static PyObject *draw_glass(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *at_object, *source_object;
    if (!PyArg_ParseTuple(args, "OOO", &image_object, &at_object, &source_object)) return NULL;
    Arrays arrays = {.count = 0};
    Py_buffer *image = take(&arrays, image_object, "image", "B", 3, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
    Py_buffer *at = image ? take(&arrays, at_object, "at", "i", 1, PyBUF_C_CONTIGUOUS) : NULL;
    Py_buffer *source =
        at ? take_shaped(&arrays, source_object, "source", "i", PyBUF_C_CONTIGUOUS, 1, at->shape[0], 0, 0) : NULL;
    if (source) {
        const int32_t *from = source->buf, *to = at->buf;
        Py_ssize_t pixels = image->len / 3;
        for (Py_ssize_t i = 0; i < at->shape[0] && !PyErr_Occurred(); i++)
            if (to[i] < 0 || to[i] >= pixels || from[i] < 0 || from[i] >= pixels)
                PyErr_Format(PyExc_ValueError, "drops: pixel %d or %d is outside", to[i], from[i]);
        if (!PyErr_Occurred()) draw_drops(image->buf, to, from, (int)at->shape[0]);
    }
    return done(&arrays);
}

static PyObject *draw_polygons(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *corners_object, *counts_object, *colours_object, *sums_object, *spans_object;
    if (!PyArg_ParseTuple(args, "OOOOOOO", &image_object, &depth_object, &corners_object, &counts_object,
                          &colours_object, &sums_object, &spans_object))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    uint8_t *image;
    float *sums;
    int32_t *spans;
    if (!take_depth(&arrays, depth_object, &depth) || !(image = take_image(&arrays, image_object, depth)) ||
        !take_scratch(&arrays, sums_object, spans_object, depth, &sums, &spans))
        return done(&arrays);
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *corners = take_shaped(&arrays, corners_object, "corners", "f", read, 2, -1, 3, 0);
    Py_buffer *counts = corners ? take_shaped(&arrays, counts_object, "counts", "i", read, 1, -1, 0, 0) : NULL;
    Py_buffer *colours =
        counts ? take_shaped(&arrays, colours_object, "colours", "f", read, 2, counts->shape[0], 5, 0) : NULL;
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
    return done(&arrays);
}

static PyObject *draw_finish(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *mask_object, *veil_object, *noise_object;
    int blur, gain, offset;
    if (!PyArg_ParseTuple(args, "OiOiOOi", &image_object, &blur, &mask_object, &gain, &veil_object, &noise_object,
                          &offset))
        return NULL;
    Arrays arrays = {.count = 0};
    Py_buffer *image = take(&arrays, image_object, "image", "B", 3, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
    if (!image) return done(&arrays);
    Py_ssize_t height = image->shape[0], width = image->shape[1];
    if (image->shape[2] != 3 || width < 1 || width > MAX_WIDTH || height < 1 || gain < 0 || gain > 1024 || blur < 0 ||
        blur > 85)
        PyErr_Format(PyExc_ValueError, "expected 3 channels, 1 to %d columns, a gain of 0 to 1024 and a blur of 0 to 85",
                     MAX_WIDTH);
    Py_buffer *mask = NULL, *veil = NULL, *noise = NULL;
    if (!PyErr_Occurred() && mask_object != Py_None)
        mask = take_shaped(&arrays, mask_object, "mask", "B", PyBUF_C_CONTIGUOUS, 3, height, width, 3);
    if (!PyErr_Occurred() && veil_object != Py_None)
        veil = take_shaped(&arrays, veil_object, "veil", "B", PyBUF_STRIDES, 3, height, width, 3);
    if (!PyErr_Occurred())
        noise = take_shaped(&arrays, noise_object, "noise", "B", PyBUF_STRIDES, 3, height, width, 3);
    if (noise && (noise->strides[1] != 3 || (veil && veil->strides[1] != 3)))
        PyErr_SetString(PyExc_ValueError, "veil and noise: expected pixels without gaps between them");
    if (!PyErr_Occurred())
        finish(image->buf, (int)width, (int)height, blur, mask ? mask->buf : NULL, gain, veil ? veil->buf : NULL,
               veil ? (long)veil->strides[0] : 0, noise->buf, (long)noise->strides[0], offset);
    return done(&arrays);
}

static PyMethodDef methods[] = {
    {"plane", draw_plane, METH_VARARGS, NULL},         {"depth", draw_depth, METH_VARARGS, NULL},
    {"cover", draw_cover, METH_VARARGS, NULL},         {"ground", draw_ground, METH_VARARGS, NULL},
    {"panorama", draw_panorama, METH_VARARGS, NULL},   {"standing", draw_upright, METH_VARARGS, NULL},
    {"polygons", draw_polygons, METH_VARARGS, NULL},   {"finish", draw_finish, METH_VARARGS, NULL},
    {"vehicle", draw_model, METH_VARARGS, NULL},       {"drops", draw_glass, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_draw", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit__draw(void) {
#define LOOK_NAME(name) #name " "
    static const char fields[] = LOOK_FIELDS(LOOK_NAME);
    PyObject *self = PyModule_Create(&module);
    if (self && PyModule_AddStringConstant(self, "LOOK_FIELDS", fields)) Py_CLEAR(self);
    if (self && PyModule_AddIntConstant(self, "LAYERS", LAYERS)) Py_CLEAR(self);
    return self;
}
