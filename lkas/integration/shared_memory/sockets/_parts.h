/* The parts of a message: copied out of an inbox, or lent in place. Included by _ring.c only. */
#ifndef RING_PARTS_H
#define RING_PARTS_H

#include "_bell.h"

#define MAX_PARTS 1024

/* ------------------------------------------------------------------ Lent: a message in its arena */

typedef struct {
    PyObject_HEAD
    lkas_ring *ring, *bell;
    uint64_t position;
    char *data;
    Py_ssize_t size;
} Lent;

static int Lent_getbuffer(Lent *self, Py_buffer *view, int flags) {
    return PyBuffer_FillInfo(view, (PyObject *)self, self->data, self->size, 1, flags);
}

static void Lent_dealloc(Lent *self) {
    if (!lkas_ring_is_foreign(self->ring)) lkas_inbox_release(self->ring, self->position, self->bell);
    lkas_ring_release(self->ring);
    lkas_ring_release(self->bell);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyBufferProcs Lent_buffer = {.bf_getbuffer = (getbufferproc)Lent_getbuffer};

static PyTypeObject Lent_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory.sockets._ring.Lent",
    .tp_basicsize = sizeof(Lent),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)Lent_dealloc,
    .tp_as_buffer = &Lent_buffer,
    .tp_doc = "The bytes of a message in its inbox; releases their room with the last view.",
};

/* On failure (NULL and an exception) the message is released. */
static PyObject *lend(lkas_ring *ring, lkas_ring *bell, uint64_t position, const char *data, uint64_t bytes) {
    Lent *lent = PyObject_New(Lent, &Lent_Type);
    if (!lent) {
        lkas_inbox_release(ring, position, bell);
        return NULL;
    }
    lent->ring = lkas_ring_retain(ring);
    lent->bell = lkas_ring_retain(bell);
    lent->position = position;
    lent->data = (char *)data;
    lent->size = (Py_ssize_t)bytes;
    return (PyObject *)lent;
}

/* ------------------------------------------------------------------ parts of a message */

static uint64_t aligned(uint64_t bytes) { return (bytes + LKAS_RING_ALIGN - 1) / LKAS_RING_ALIGN * LKAS_RING_ALIGN; }

/* A message of several parts: their sizes, 8 bytes each, then every part on a cache line of its own. */
static uint64_t layout_bytes(const Py_buffer *parts, uint32_t count) {
    if (count == 1) return (uint64_t)parts[0].len;
    uint64_t bytes = count * sizeof(uint64_t);
    for (uint32_t i = 0; i < count; ++i) bytes = aligned(bytes) + (uint64_t)parts[i].len;
    return bytes;
}

static void fill(char *place, const Py_buffer *parts, uint32_t count) {
    if (count == 1) {
        memcpy(place, parts[0].buf, (size_t)parts[0].len);
        return;
    }
    uint64_t offset = count * sizeof(uint64_t);
    for (uint32_t i = 0; i < count; ++i) {
        offset = aligned(offset);
        ((uint64_t *)place)[i] = (uint64_t)parts[i].len;
        memcpy(place + offset, parts[i].buf, (size_t)parts[i].len);
        offset += (uint64_t)parts[i].len;
    }
}

/* One part, as bytes (the first) or bytearray, or as a view of `lent`. */
static PyObject *read_part(PyObject *lent, const char *data, uint64_t offset, uint64_t size, int is_first) {
    if (!lent) {
        PyObject *own = is_first ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size)
                                 : PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)size);
        if (own) copy_bytes(is_first ? PyBytes_AS_STRING(own) : PyByteArray_AS_STRING(own), data + offset, size);
        return own;
    }
    PyObject *whole = PyMemoryView_FromObject(lent), *part = NULL;
    if (whole) part = PySequence_GetSlice(whole, (Py_ssize_t)offset, (Py_ssize_t)(offset + size));
    Py_XDECREF(whole);
    return part;
}

static PyObject *read_parts(PyObject *lent, const char *data, const lkas_ring_entry *entry) {
    PyObject *parts = PyTuple_New(entry->parts);
    uint64_t offset = entry->parts == 1 ? 0 : entry->parts * sizeof(uint64_t);
    for (uint32_t i = 0; parts && i < entry->parts; ++i) {
        const uint64_t size = entry->parts == 1 ? entry->bytes : ((const uint64_t *)data)[i];
        offset = aligned(offset);
        PyObject *part = NULL;
        if (offset <= entry->bytes && size <= entry->bytes - offset) part = read_part(lent, data, offset, size, i == 0);
        else PyErr_Format(serialization_error, "part %u of a message lies outside of its bytes", i);
        if (!part) Py_CLEAR(parts);
        else PyTuple_SET_ITEM(parts, i, part);
        offset += size;
    }
    return parts;
}

#endif
