/* The Outlets object: all receivers of a sender. Included by _ring.c only. */
#ifndef RING_OUTLETS_H
#define RING_OUTLETS_H

#include "_outlet.h"

/* Sends in one call, as long as the receivers do not change and each has room. receivers.py handles the other cases. */
typedef struct {
    PyObject_HEAD
    lkas_ring *bell;
    PyObject *outlets; /* list */
    uint32_t members;  /* the bell's count when the list was made */
    Py_ssize_t turn;
    unsigned long long sent, bytes; /* messages with a receiver; bytes, once per receiver */
} Outlets;

static int Outlets_init(Outlets *self, PyObject *args, PyObject *kwargs) {
    Bell *bell;
    if (self->bell) {
        PyErr_SetString(PyExc_TypeError, "Outlets are initialised once");
        return -1;
    }
    if (!PyArg_ParseTuple(args, "O!", &Bell_Type, &bell) || !usable(bell->bell)) return -1;
    if (!(self->outlets = PyList_New(0))) return -1;
    self->bell = lkas_ring_retain(bell->bell);
    self->members = lkas_bell_members(self->bell) - 1; /* not looked up yet */
    return 0;
}

static PyObject *Outlets_fill(Outlets *self, PyObject *args) {
    PyObject *outlets;
    unsigned int members;
    if (!PyArg_ParseTuple(args, "O!I", &PyList_Type, &outlets, &members)) return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(outlets); ++i)
        if (!Py_IS_TYPE(PyList_GET_ITEM(outlets, i), &Outlet_Type)) {
            PyErr_SetString(PyExc_TypeError, "expected a list of Outlet");
            return NULL;
        }
    Py_SETREF(self->outlets, PyList_GetSlice(outlets, 0, PyList_GET_SIZE(outlets)));
    if (!self->outlets) return NULL;
    self->members = members;
    Py_RETURN_NONE;
}

static void count_sent(Outlets *self, const held_parts *held, Py_ssize_t receivers) {
    if (receivers > 0) ++self->sent;
    for (uint32_t i = 0; i < held->count; ++i)
        self->bytes += (unsigned long long)held->parts[i].len * (unsigned long long)receivers;
}

/* One push to the outlet at `index`: its result, or -1 with an exception. */
static int push_to(Outlets *self, Py_ssize_t index, unsigned int kind, const held_parts *held, uint64_t sender,
                   uint64_t request) {
    lkas_error error;
    Outlet *outlet = (Outlet *)PyList_GET_ITEM(self->outlets, index);
    if (!usable(outlet->ring)) return -1;
    Py_INCREF(outlet); /* the list may change while a large copy goes on without the GIL */
    int result = push(outlet->ring, held->parts, held->count, kind, sender, request, &error);
    Py_DECREF(outlet);
    return result < 0 ? LKAS_RING_FULL : result;
}

/* The outlet whose turn it is, None, or NULL with an exception. */
static PyObject *push_to_next(Outlets *self, unsigned int kind, const held_parts *held, uint64_t sender,
                              uint64_t request) {
    if (!usable(self->bell)) return NULL;
    const Py_ssize_t count = PyList_GET_SIZE(self->outlets);
    if (count == 0 || lkas_bell_members(self->bell) != self->members) Py_RETURN_NONE;
    const Py_ssize_t index = self->turn % count;
    PyObject *outlet = Py_NewRef(PyList_GET_ITEM(self->outlets, index));
    int result = push_to(self, index, kind, held, sender, request);
    if (result == LKAS_OK) {
        self->turn = index + 1;
        count_sent(self, held, 1);
        return outlet;
    }
    Py_DECREF(outlet);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *Outlets_push_next(Outlets *self, PyObject *const *args, Py_ssize_t arguments) {
    held_parts held;
    if (arguments != 4) {
        PyErr_SetString(PyExc_TypeError, "push_next(kind, parts, sender, request)");
        return NULL;
    }
    const unsigned int kind = (unsigned int)PyLong_AsUnsignedLong(args[0]);
    const uint64_t sender = PyLong_AsUnsignedLongLong(args[2]), request = PyLong_AsUnsignedLongLong(args[3]);
    if (PyErr_Occurred() || hold_parts(&held, args[1])) return NULL;
    PyObject *taker = push_to_next(self, kind, &held, sender, request);
    release_parts(&held);
    return taker;
}

static PyObject *Outlets_push_next_plain(Outlets *self, PyObject *item) {
    held_parts held = {.parts = &held.first, .count = 1};
    if (!PyBytes_CheckExact(item) && !PyByteArray_CheckExact(item)) Py_RETURN_NONE;
    if (PyObject_GetBuffer(item, &held.first, PyBUF_SIMPLE)) return NULL;
    PyObject *taker = push_to_next(self, LKAS_RING_PLAIN, &held, 0, 0);
    release_parts(&held);
    return taker;
}

static PyObject *Outlets_push_all(Outlets *self, PyObject *const *args, Py_ssize_t arguments) {
    held_parts held;
    if (arguments != 2) {
        PyErr_SetString(PyExc_TypeError, "push_all(kind, parts)");
        return NULL;
    }
    const unsigned int kind = (unsigned int)PyLong_AsUnsignedLong(args[0]);
    if (PyErr_Occurred() || !usable(self->bell) || hold_parts(&held, args[1])) return NULL;
    Py_ssize_t handed = 0;
    int result = LKAS_OK;
    while (lkas_bell_members(self->bell) == self->members && handed < PyList_GET_SIZE(self->outlets)) {
        result = push_to(self, handed, kind, &held, 0, 0);
        if (result != LKAS_OK) break;
        ++handed;
    }
    if (handed == PyList_GET_SIZE(self->outlets)) count_sent(self, &held, handed);
    release_parts(&held);
    return result < 0 ? NULL : PyLong_FromSsize_t(handed);
}

static PyObject *Outlets_count(Outlets *self, PyObject *args) {
    PyObject *parts;
    Py_ssize_t receivers;
    held_parts held;
    if (!PyArg_ParseTuple(args, "On", &parts, &receivers) || hold_parts(&held, parts)) return NULL;
    count_sent(self, &held, receivers);
    release_parts(&held);
    Py_RETURN_NONE;
}

static void Outlets_dealloc(Outlets *self) {
    lkas_ring_release(self->bell);
    Py_XDECREF(self->outlets);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Outlets_methods[] = {
    {"fill", (PyCFunction)Outlets_fill, METH_VARARGS, "fill(outlets, members): set the receivers, as of this count of the bell."},
    {"push_next", (PyCFunction)(void (*)(void))Outlets_push_next, METH_FASTCALL,
     "push_next(kind, parts, sender, request): the outlet whose turn it is, when it took the message, else None."},
    {"push_next_plain", (PyCFunction)Outlets_push_next_plain, METH_O,
     "push_next_plain(item): push_next() of bytes or a bytearray as a PLAIN message; None also for any other object."},
    {"push_all", (PyCFunction)(void (*)(void))Outlets_push_all, METH_FASTCALL,
     "push_all(kind, parts): how many took the message before the first one that did not, or before a change."},
    {"count", (PyCFunction)Outlets_count, METH_VARARGS,
     "count(parts, receivers): count a message that was sent by other calls than push_next() and a complete push_all()."},
    {NULL},
};

static PyMemberDef Outlets_members[] = {
    {"turn", T_PYSSIZET, offsetof(Outlets, turn), 0, "Whose turn it is, modulo their number."},
    {"sent", T_ULONGLONG, offsetof(Outlets, sent), READONLY, "Messages that at least one receiver has."},
    {"bytes", T_ULONGLONG, offsetof(Outlets, bytes), READONLY, "Their bytes, once per receiver."},
    {NULL},
};

static PyTypeObject Outlets_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory.sockets._ring.Outlets",
    .tp_basicsize = sizeof(Outlets),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Outlets_init,
    .tp_dealloc = (destructor)Outlets_dealloc,
    .tp_methods = Outlets_methods,
    .tp_members = Outlets_members,
    .tp_doc = "Outlets(bell): the receivers of a sender, for sending to them in one call.",
};

#endif
