/* CPython glue over _draw.h: checks the arrays, then draws. Speaks the buffer protocol, so it needs no NumPy headers. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_draw.h"

#define MAX_BUFFERS 12

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
    PyObject *image_object, *depth_object, *camera_object, *panorama_object;
    float px_per_rad, lowest;
    if (!PyArg_ParseTuple(args, "OOOOff", &image_object, &depth_object, &camera_object, &panorama_object, &px_per_rad,
                          &lowest))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    Camera camera;
    uint8_t *image;
    if (take_depth(&arrays, depth_object, &depth) && take_camera(&arrays, camera_object, &camera) &&
        (image = take_image(&arrays, image_object, depth))) {
        Py_buffer *panorama =
            take_shaped(&arrays, panorama_object, "panorama", "B", PyBUF_C_CONTIGUOUS, 3, -1, -1, 3);
        if (panorama)
            draw_sky(image, depth, &camera, panorama->buf, (int)panorama->shape[1], (int)panorama->shape[0], px_per_rad,
                     lowest);
    }
    return done(&arrays);
}

static PyObject *draw_picture(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *image_object, *depth_object, *sprite_object;
    float left, top, scale, nearness, haze[3], haziness, light;
    if (!PyArg_ParseTuple(args, "OOOffff(fff)ff", &image_object, &depth_object, &sprite_object, &left, &top, &scale,
                          &nearness, &haze[0], &haze[1], &haze[2], &haziness, &light))
        return NULL;
    Arrays arrays = {.count = 0};
    Depth depth;
    uint8_t *image;
    if (take_depth(&arrays, depth_object, &depth) && (image = take_image(&arrays, image_object, depth))) {
        Py_buffer *sprite = take_shaped(&arrays, sprite_object, "sprite", "B", PyBUF_C_CONTIGUOUS, 3, -1, -1, 4);
        if (sprite)
            draw_sprite(image, depth, sprite->buf, (int)sprite->shape[1], (int)sprite->shape[0], left, top, scale,
                        nearness, haze, haziness, light);
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
    int gain, offset;
    if (!PyArg_ParseTuple(args, "OOiOOi", &image_object, &mask_object, &gain, &veil_object, &noise_object, &offset))
        return NULL;
    Arrays arrays = {.count = 0};
    Py_buffer *image = take(&arrays, image_object, "image", "B", 3, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
    if (!image) return done(&arrays);
    Py_ssize_t height = image->shape[0], width = image->shape[1];
    if (image->shape[2] != 3 || width > MAX_WIDTH || gain < 0 || gain > 1024)
        PyErr_Format(PyExc_ValueError, "expected 3 channels, at most %d columns and a gain of 0 to 1024", MAX_WIDTH);
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
        finish(image->buf, (int)width, (int)height, mask ? mask->buf : NULL, gain, veil ? veil->buf : NULL,
               veil ? (long)veil->strides[0] : 0, noise->buf, (long)noise->strides[0], offset);
    return done(&arrays);
}

static PyMethodDef methods[] = {
    {"plane", draw_plane, METH_VARARGS, NULL},         {"depth", draw_depth, METH_VARARGS, NULL},
    {"cover", draw_cover, METH_VARARGS, NULL},         {"ground", draw_ground, METH_VARARGS, NULL},
    {"panorama", draw_panorama, METH_VARARGS, NULL},   {"sprite", draw_picture, METH_VARARGS, NULL},
    {"polygons", draw_polygons, METH_VARARGS, NULL},   {"finish", draw_finish, METH_VARARGS, NULL},
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
