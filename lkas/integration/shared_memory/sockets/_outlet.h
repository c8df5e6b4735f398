/* The Outlet object. Included by _ring.c only. */
#ifndef RING_OUTLET_H
#define RING_OUTLET_H

#include "_parts.h"

typedef struct {
    PyObject_HEAD
    lkas_ring *ring;
} Outlet;

static int Outlet_init(Outlet *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path", NULL};
    PyObject *path;
    lkas_error error;
    if (self->ring) {
        PyErr_SetString(PyExc_TypeError, "an Outlet is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&", names, PyUnicode_FSConverter, &path)) return -1;
    self->ring = lkas_ring_attach(PyBytes_AS_STRING(path), &error);
    Py_DECREF(path);
    if (!self->ring) raise_error(&error);
    return self->ring ? 0 : -1;
}

/* Ask the kernel once per tick of the coarse clock, not per message. */
static int seems_alive(lkas_ring *ring) {
    const int64_t now_ns = lkas__coarse_now_ns();
    if (ring->alive_ns == now_ns) return 1;
    if (!lkas_ring_is_alive(ring)) return 0;
    ring->alive_ns = now_ns;
    return 1;
}

static int copy_in(lkas_ring *ring, const Py_buffer *parts, uint32_t count, uint32_t kind, uint64_t sender,
                   uint64_t request, lkas_error *error) {
    lkas_ring_room claim;
    const uint64_t bytes = layout_bytes(parts, count);
    int result = lkas_ring_claim(ring, bytes, &claim, error);
    if (result != LKAS_OK) return result;
    fill(claim.place, parts, count);
    lkas_ring_commit(ring, &claim, kind, count, sender, request);
    return LKAS_OK;
}

static int push(lkas_ring *ring, const Py_buffer *parts, uint32_t count, uint32_t kind, uint64_t sender,
                uint64_t request, lkas_error *error) {
    int result;
    if (!seems_alive(ring)) return LKAS_RING_GONE;
    if (layout_bytes(parts, count) < COPY_WITHOUT_GIL_BYTES && lkas_ring_lock(ring, 0) == LKAS_OK)
        return copy_in(ring, parts, count, kind, sender, request, error);
    lkas_ring_retain(ring);
    Py_BEGIN_ALLOW_THREADS
    result = lkas_ring_lock(ring, LKAS_RING_TURN_NS);
    if (result == LKAS_OK) result = copy_in(ring, parts, count, kind, sender, request, error);
    Py_END_ALLOW_THREADS
    lkas_ring_release(ring);
    return result;
}

/* The buffers of a message, while they are held. */
typedef struct {
    Py_buffer first, *parts;
    uint32_t count;
} held_parts;

static void release_parts(held_parts *held) {
    while (held->count > 0) PyBuffer_Release(&held->parts[--held->count]);
    if (held->parts != &held->first) PyMem_Free(held->parts);
}

static int hold_parts(held_parts *held, PyObject *parts) {
    held->count = 0;
    held->parts = &held->first;
    if (!PyTuple_Check(parts) || PyTuple_GET_SIZE(parts) < 1 || PyTuple_GET_SIZE(parts) > MAX_PARTS) {
        PyErr_Format(serialization_error, "a message is a tuple of 1 to %d buffers", MAX_PARTS);
        return -1;
    }
    const uint32_t count = (uint32_t)PyTuple_GET_SIZE(parts);
    if (count > 1 && !(held->parts = PyMem_Calloc(count, sizeof *held->parts))) {
        held->parts = &held->first;
        PyErr_NoMemory();
        return -1;
    }
    for (; held->count < count; ++held->count)
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(parts, held->count), &held->parts[held->count], PyBUF_SIMPLE)) {
            release_parts(held);
            return -1;
        }
    return 0;
}

static PyObject *Outlet_push(Outlet *self, PyObject *args) {
    PyObject *parts;
    unsigned int kind;
    unsigned long long sender, request;
    held_parts held;
    lkas_error error;
    if (!PyArg_ParseTuple(args, "IOKK", &kind, &parts, &sender, &request) || !usable(self->ring) ||
        hold_parts(&held, parts))
        return NULL;
    int result = push(self->ring, held.parts, held.count, kind, sender, request, &error);
    release_parts(&held);
    return result == LKAS_E_SPACE || result >= 0 ? PyLong_FromLong(result) : raise_error(&error);
}

static PyObject *Outlet_count_drop(Outlet *self, PyObject *unused) {
    if (!usable(self->ring)) return NULL;
    lkas_ring_count_drop(self->ring);
    Py_RETURN_NONE;
}

static PyObject *Outlet_is_alive(Outlet *self, PyObject *unused) {
    return PyBool_FromLong(self->ring && lkas_ring_is_alive(self->ring));
}

static PyObject *Outlet_close(Outlet *self, PyObject *unused) {
    if (self->ring) lkas__unlock_segment(&self->ring->segment);
    Py_RETURN_NONE;
}

static PyObject *Outlet_pid(Outlet *self, void *unused) {
    return PyLong_FromUnsignedLong(self->ring ? lkas_ring_header_of(self->ring)->owner_pid : 0);
}

static PyObject *Outlet_capacity(Outlet *self, void *unused) {
    return PyLong_FromUnsignedLongLong(self->ring ? lkas_ring_header_of(self->ring)->capacity : 0);
}

static PyObject *Outlet_counts(Outlet *self, PyObject *unused) {
    if (!usable(self->ring)) return NULL;
    const lkas_ring_header *header = lkas_ring_header_of(self->ring);
    const uint64_t taken = lkas__load(&header->head, acquire); /* before `tail`, which is never behind it */
    return Py_BuildValue("{sKsKsKsIsK}", "handed", (unsigned long long)lkas__load(&header->tail, acquire), "taken",
                         (unsigned long long)taken, "dropped",
                         (unsigned long long)lkas__load(&header->dropped, relaxed), "slots", self->ring->slots,
                         "allocated", (unsigned long long)header->allocated);
}

static PyObject *Outlet_has_messages(Outlet *self, void *unused) {
    return PyBool_FromLong(self->ring && lkas_inbox_has_new(self->ring));
}

static void Outlet_dealloc(Outlet *self) {
    lkas_ring_release(self->ring);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Outlet_methods[] = {
    {"push", (PyCFunction)Outlet_push, METH_VARARGS,
     "push(kind, parts, sender, request): copy a message in: HANDED, FULL, GONE, TOO_LARGE or NO_SPACE."},
    {"count_drop", (PyCFunction)Outlet_count_drop, METH_NOARGS, "Count a message that found no room, in the statistics of the owner."},
    {"is_alive", (PyCFunction)Outlet_is_alive, METH_NOARGS, "Whether the owner lives and takes messages."},
    {"counts", (PyCFunction)Outlet_counts, METH_NOARGS,
     "Return a dict of handed, taken, dropped (messages), slots, allocated (bytes)."},
    {"close", (PyCFunction)Outlet_close, METH_NOARGS, "Detach from the inbox."},
    {NULL},
};

static PyGetSetDef Outlet_getset[] = {
    {"pid", (getter)Outlet_pid, NULL, "The owner's process."},
    {"capacity", (getter)Outlet_capacity, NULL, "Bytes of messages that the inbox can hold."},
    {"has_messages", (getter)Outlet_has_messages, NULL, "Whether the inbox has messages that its owner has not taken."},
    {NULL},
};

static PyTypeObject Outlet_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory.sockets._ring.Outlet",
    .tp_basicsize = sizeof(Outlet),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Outlet_init,
    .tp_dealloc = (destructor)Outlet_dealloc,
    .tp_methods = Outlet_methods,
    .tp_getset = Outlet_getset,
    .tp_doc = "Outlet(path): the sending end of an inbox.",
};

#endif
