/* The Bell object, and what every socket object needs. Included by _ring.c only. */
#ifndef RING_BELL_H
#define RING_BELL_H

#include "_glue.h"

#include <structmember.h>

#include "lkas_ring.h"

static PyObject *connection_error;
static PyObject *nothing; /* the result of receiving when there is no message: any other object may be a message */

static PyObject *raise_error(const lkas_error *error) {
    PyObject *type = shm_error;
    if (error->code == LKAS_E_ARGUMENT) type = PyExc_ValueError;
    else if (error->code == LKAS_E_SPACE) type = buffer_full_error;
    else if (error->code == LKAS_E_WRITER_EXISTS) type = PyExc_FileExistsError;
    else if (error->code == LKAS_E_SYSTEM && error->system_errno == ENOENT) type = PyExc_FileNotFoundError;
    PyErr_SetString(type, error->text);
    return NULL;
}


/* Check a ring before each use: NULL and an exception when it is closed or belongs to a parent process. */
static lkas_ring *usable(lkas_ring *ring) {
    if (ring && lkas_ring_is_foreign(ring)) {
        PyErr_Format(connection_error, "%s: opened before a fork: create another socket in the child process",
                     ring->path);
        return NULL;
    }
    if (!ring || ring->segment.fd < 0 || lkas__load(&ring->is_closed, acquire)) {
        PyErr_Format(connection_error, "%s: the socket is closed", ring ? ring->path : "not opened");
        return NULL;
    }
    return ring;
}

typedef struct {
    PyObject_HEAD
    lkas_ring *bell;
} Bell;

static int Bell_init(Bell *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path", NULL};
    PyObject *path;
    lkas_error error;
    if (self->bell) {
        PyErr_SetString(PyExc_TypeError, "a Bell is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&", names, PyUnicode_FSConverter, &path)) return -1;
    self->bell = lkas_bell_open(PyBytes_AS_STRING(path), &error);
    Py_DECREF(path);
    if (!self->bell) raise_error(&error);
    return self->bell ? 0 : -1;
}

static PyObject *Bell_announce(Bell *self, PyObject *unused) {
    if (!usable(self->bell)) return NULL;
    lkas_bell_announce(self->bell);
    Py_RETURN_NONE;
}

static PyObject *Bell_watch(Bell *self, PyObject *unused) {
    if (!usable(self->bell)) return NULL;
    return PyLong_FromUnsignedLong(lkas_bell_watch(self->bell));
}

static PyObject *Bell_wait(Bell *self, PyObject *args) {
    unsigned int watched;
    double timeout_s;
    if (!PyArg_ParseTuple(args, "Id", &watched, &timeout_s) || !usable(self->bell)) return NULL;
    int64_t duration_ns = timeout_ns(timeout_s);
    lkas_ring *bell = lkas_ring_retain(self->bell);
    Py_BEGIN_ALLOW_THREADS
    lkas_bell_wait(bell, watched, duration_ns < LKAS_SLICE_NS ? duration_ns : LKAS_SLICE_NS);
    Py_END_ALLOW_THREADS
    lkas_ring_release(bell);
    if (PyErr_CheckSignals() || !usable(self->bell)) return NULL;
    Py_RETURN_NONE;
}

static PyObject *Bell_leave(Bell *self, PyObject *unused) {
    return PyBool_FromLong(self->bell && lkas_bell_leave(self->bell));
}

static PyObject *Bell_end_waits(Bell *self, PyObject *unused) {
    if (self->bell) lkas_bell_close_wakes(self->bell);
    Py_RETURN_NONE;
}

static PyObject *Bell_close(Bell *self, PyObject *unused) {
    if (self->bell) lkas_bell_close(self->bell);
    Py_RETURN_NONE;
}

static PyObject *Bell_members(Bell *self, void *unused) {
    if (!usable(self->bell)) return NULL;
    return PyLong_FromUnsignedLong(lkas_bell_members(self->bell));
}

static void Bell_dealloc(Bell *self) {
    if (self->bell) lkas_bell_close(self->bell);
    lkas_ring_release(self->bell);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Bell_methods[] = {
    {"announce", (PyCFunction)Bell_announce, METH_NOARGS, "Announce that the receivers of this name have changed."},
    {"watch", (PyCFunction)Bell_watch, METH_NOARGS, "Call before looking for room or receivers; return the word for wait()."},
    {"wait", (PyCFunction)Bell_wait, METH_VARARGS, "wait(word, timeout_s): sleep until news, at most 0.1 s."},
    {"leave", (PyCFunction)Bell_leave, METH_NOARGS,
     "Stop using the name: whether this was its last user. Then the name cannot be used until close()."},
    {"end_waits", (PyCFunction)Bell_end_waits, METH_NOARGS, "End waits, now and later; may be called from any thread."},
    {"close", (PyCFunction)Bell_close, METH_NOARGS, "Stop using the name; the last user removes the file."},
    {NULL},
};

static PyGetSetDef Bell_getset[] = {
    {"members", (getter)Bell_members, NULL, "Counts the changes of membership."},
    {NULL},
};

static PyTypeObject Bell_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory.sockets._ring.Bell",
    .tp_basicsize = sizeof(Bell),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Bell_init,
    .tp_dealloc = (destructor)Bell_dealloc,
    .tp_methods = Bell_methods,
    .tp_getset = Bell_getset,
    .tp_doc = "Bell(path): announces new receivers and room to the senders of one name.",
};

#endif
