/* Images by NumPy's C API and the buffer protocol. This file knows no channel. */
#include "_image.h"

#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION /* runs with this NumPy and newer ones */
#include <numpy/arrayobject.h>

int image_import_numpy(void) { return PyArray_API ? 0 : _import_array(); }

PyObject *image_new(image_shape shape) {
    npy_intp sizes[3] = {shape.height, shape.width, shape.channels};
    return PyArray_SimpleNew(3, sizes, NPY_UINT8);
}

PyObject *image_over(PyObject *owner, void *pixels, image_shape shape) {
    npy_intp sizes[3] = {shape.height, shape.width, shape.channels};
    PyObject *array = PyArray_New(&PyArray_Type, 3, sizes, NPY_UINT8, NULL, pixels, 0, NPY_ARRAY_CARRAY_RO, NULL);
    if (!array) {
        Py_DECREF(owner);
        return NULL;
    }
    if (PyArray_SetBaseObject((PyArrayObject *)array, owner)) Py_CLEAR(array); /* takes over `owner` in any case */
    return array;
}

void image_set_writeable(PyObject *array, int is_writeable) {
    if (is_writeable) PyArray_ENABLEFLAGS((PyArrayObject *)array, NPY_ARRAY_WRITEABLE);
    else PyArray_CLEARFLAGS((PyArrayObject *)array, NPY_ARRAY_WRITEABLE);
}

void *image_pixels(PyObject *array) { return PyArray_DATA((PyArrayObject *)array); }

int image_is_free(PyObject *object, image_shape shape) {
    if (!object || Py_REFCNT(object) != 1) return 0;
    if (*(PyObject **)((char *)object + Py_TYPE(object)->tp_weaklistoffset)) return 0; /* it has weak references */
    PyArrayObject *array = (PyArrayObject *)object;
    return PyArray_ISCARRAY(array) && PyArray_TYPE(array) == NPY_UINT8 && PyArray_NDIM(array) == 3 &&
           PyArray_DIM(array, 0) == shape.height && PyArray_DIM(array, 1) == shape.width &&
           PyArray_DIM(array, 2) == shape.channels;
}

int image_get_buffer(PyObject *image, Py_buffer *view, image_shape shape, const char *path, PyObject *error) {
    if (PyObject_GetBuffer(image, view, PyBUF_STRIDED_RO | PyBUF_FORMAT)) {
        PyErr_Clear();
        PyErr_Format(error, "%s: expected an image array (%u, %u, %u) of uint8, found %s", path, shape.height,
                     shape.width, shape.channels, Py_TYPE(image)->tp_name);
        return -1;
    }
    if (view->ndim == 3 && view->shape[0] == shape.height && view->shape[1] == shape.width &&
        view->shape[2] == shape.channels && view->format && !strcmp(view->format, "B"))
        return 0;
    PyObject *found = PyObject_GetAttrString(image, "shape"), *dtype = PyObject_GetAttrString(image, "dtype");
    PyErr_Clear();
    PyErr_Format(error, "%s: expected an image of shape (%u, %u, %u) and uint8, found %S and %S", path, shape.height,
                 shape.width, shape.channels, found ? found : Py_None, dtype ? dtype : Py_None);
    Py_XDECREF(found);
    Py_XDECREF(dtype);
    PyBuffer_Release(view);
    return -1;
}

/* Contiguous rows and contiguous images are copied as blocks. */
void image_copy(char *to, const Py_buffer *from) {
    const Py_ssize_t height = from->shape[0], width = from->shape[1], channels = from->shape[2];
    const Py_ssize_t row = from->strides[0], pixel = from->strides[1], channel = from->strides[2];
    const int has_whole_pixels = channel == 1 || channels == 1;
    const int has_whole_rows = has_whole_pixels && (pixel == channels || width == 1);
    const char *source = from->buf;
    if (has_whole_rows && (row == width * channels || height == 1)) {
        memcpy(to, source, (size_t)(height * width * channels));
        return;
    }
    for (Py_ssize_t y = 0; y < height; ++y, source += row) {
        const char *p = source;
        if (has_whole_rows) {
            memcpy(to, p, (size_t)(width * channels));
            to += width * channels;
        } else if (channels == 3) {
            for (Py_ssize_t x = 0; x < width; ++x, p += pixel, to += 3) {
                to[0] = p[0];
                to[1] = p[channel];
                to[2] = p[2 * channel];
            }
        } else {
            for (Py_ssize_t x = 0; x < width; ++x, p += pixel)
                for (Py_ssize_t c = 0; c < channels; ++c) *to++ = p[c * channel];
        }
    }
}
