/* Checks the array arguments of the drawing calls. */
#include "_arguments.h"

static void release(Arrays *arrays) {
    while (arrays->count > 0) PyBuffer_Release(&arrays->buffers[--arrays->count]);
}

Py_buffer *get_array(Arrays *arrays, PyObject *object, const char *name, const char *format, int ndim, int flags) {
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

Py_buffer *get_shaped_array(Arrays *arrays, PyObject *object, const char *name, const char *format, int flags, int ndim,
                            Py_ssize_t a, Py_ssize_t b, Py_ssize_t c) {
    Py_buffer *buffer = get_array(arrays, object, name, format, ndim, flags);
    const Py_ssize_t expected[] = {a, b, c};
    for (int i = 0; buffer && i < ndim; i++)
        if (expected[i] >= 0 && buffer->shape[i] != expected[i]) {
            PyErr_Format(PyExc_ValueError, "%s: expected %zd along axis %d, found %zd", name, expected[i], i,
                         buffer->shape[i]);
            return NULL;
        }
    return buffer;
}

int get_depth(Arrays *arrays, PyObject *object, Depth *depth) {
    Py_buffer *buffer = get_array(arrays, object, "depth", "f", 2, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS);
    if (!buffer) return 0;
    if (buffer->shape[0] < 1 || buffer->shape[1] < 1 || buffer->shape[1] > MAX_WIDTH) {
        PyErr_Format(PyExc_ValueError, "depth: expected 1 to %d columns, found %zd", MAX_WIDTH, buffer->shape[1]);
        return 0;
    }
    *depth = (Depth){buffer->buf, (int)buffer->shape[1], (int)buffer->shape[0]};
    return 1;
}

uint8_t *get_image(Arrays *arrays, PyObject *object, Depth depth) {
    Py_buffer *buffer = get_shaped_array(arrays, object, "image", "B", PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 3,
                                         depth.height, depth.width, 3);
    return buffer ? buffer->buf : NULL;
}

int get_camera(Arrays *arrays, PyObject *object, Camera *camera) {
    Py_buffer *buffer =
        get_shaped_array(arrays, object, "camera", "d", PyBUF_C_CONTIGUOUS, 1, sizeof(Camera) / sizeof(double), 0, 0);
    if (!buffer) return 0;
    memcpy(camera, buffer->buf, sizeof *camera);
    return 1;
}

int get_quads(Arrays *arrays, PyObject *object, const float **quads, int *count) {
    Py_buffer *buffer = get_shaped_array(arrays, object, "quads", "f", PyBUF_C_CONTIGUOUS, 3, -1, 4, 3);
    if (!buffer) return 0;
    *quads = buffer->buf, *count = (int)buffer->shape[0];
    return 1;
}

int get_scratch(Arrays *arrays, PyObject *sums_object, PyObject *spans_object, Depth depth, float **sums,
                int32_t **spans) {
    Py_buffer *buffer = get_shaped_array(arrays, sums_object, "sums", "f", PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 2,
                                         depth.height, depth.width + 2, 0);
    if (!buffer) return 0;
    *sums = buffer->buf;
    buffer = get_shaped_array(arrays, spans_object, "spans", "i", PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS, 2, depth.height,
                              2, 0);
    if (!buffer) return 0;
    *spans = buffer->buf;
    return 1;
}

int get_texture(Arrays *arrays, PyObject *object, int expected_bytes, Texture *texture) {
    PyObject *texels;
    int side, bytes;
    if (!PyArg_ParseTuple(object, "Oiiii;texture", &texels, &side, &bytes, &texture->count, &texture->shift)) return 0;
    Py_buffer *buffer = get_array(arrays, texels, "texture", "B", 1, PyBUF_C_CONTIGUOUS);
    if (!buffer) return 0;
    Py_ssize_t needed = 0;
    int is_valid = bytes == expected_bytes && texture->count >= 1 && texture->count <= MAX_LEVELS && side > 0 &&
                   side <= 4096 && (side & (side - 1)) == 0 && side >> (texture->count - 1) > 0 &&
                   texture->shift >= 0 && texture->shift < 16;
    for (int i = 0; is_valid && i < texture->count; i++) {
        texture->texels[i] = (const uint8_t *)buffer->buf + needed;
        texture->side[i] = side >> i;
        needed += (Py_ssize_t)(side >> i) * (side >> i) * bytes;
    }
    if (!is_valid || buffer->len < needed) {
        PyErr_Format(PyExc_ValueError, "texture: side %d, %d bytes per texel, %d levels do not fit", side, bytes,
                     texture->count);
        return 0;
    }
    return 1;
}

PyObject *end_call(Arrays *arrays) {
    release(arrays);
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

int get_sprites(Arrays *arrays, PyObject *object, Sprite *sprites, int room) {
    PyObject *texels_object, *sizes_object;
    if (!PyArg_ParseTuple(object, "OO;sprites", &texels_object, &sizes_object)) return 0;
    Py_buffer *texels = get_array(arrays, texels_object, "sprites", "B", 1, PyBUF_C_CONTIGUOUS);
    Py_buffer *sizes =
        texels ? get_shaped_array(arrays, sizes_object, "sizes", "i", PyBUF_C_CONTIGUOUS, 2, -1, 2, 0) : NULL;
    if (!sizes) return 0;
    Py_ssize_t count = sizes->shape[0], needed = 0;
    int is_valid = count > 0 && count <= room;
    for (Py_ssize_t i = 0; is_valid && i < count; i++) {
        int width = ((const int32_t *)sizes->buf)[2 * i], height = ((const int32_t *)sizes->buf)[2 * i + 1];
        is_valid = width > 0 && width <= MAX_WIDTH && height > 0 && height <= MAX_WIDTH;
        sprites[i] = (Sprite){(const uint8_t *)texels->buf + needed, width, height};
        needed += 4L * width * height;
    }
    if (!is_valid || texels->len < needed) {
        PyErr_Format(PyExc_ValueError, "sprites: %zd bytes do not hold %zd sprites, of %d at most", texels->len, count,
                     room);
        return 0;
    }
    return (int)count;
}

int get_model(Arrays *arrays, PyObject *object, Model *model) {
    PyObject *corners_object, *starts_object, *faces_object;
    if (!PyArg_ParseTuple(object, "OOO;model", &corners_object, &starts_object, &faces_object)) return 0;
    int read = PyBUF_C_CONTIGUOUS;
    Py_buffer *corners = get_shaped_array(arrays, corners_object, "corners", "f", read, 2, -1, 3, 0);
    Py_buffer *faces =
        corners ? get_shaped_array(arrays, faces_object, "faces", "f", read, 2, -1, sizeof(Face) / sizeof(float), 0)
                : NULL;
    Py_buffer *starts =
        faces ? get_shaped_array(arrays, starts_object, "starts", "i", read, 1, faces->shape[0] + 1, 0, 0) : NULL;
    if (!starts) return 0;
    *model = (Model){corners->buf, starts->buf, faces->buf, (int)corners->shape[0], (int)faces->shape[0]};
    int is_valid = model->corner_count <= MAX_MODEL_CORNERS && model->face_count <= MAX_FACES &&
                   model->starts[0] == 0 && model->starts[model->face_count] == model->corner_count;
    for (int i = 0; is_valid && i < model->face_count; i++) {
        int count = model->starts[i + 1] - model->starts[i];
        is_valid = count >= 3 && count <= MAX_CORNERS;
    }
    if (!is_valid)
        PyErr_Format(PyExc_ValueError, "model: expected faces of 3 to %d corners, at most %d faces and %d corners",
                     MAX_CORNERS, MAX_FACES, MAX_MODEL_CORNERS);
    return is_valid;
}
