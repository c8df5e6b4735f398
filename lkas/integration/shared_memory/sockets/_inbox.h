/* The Inbox object. Included by _ring.c only. */
#ifndef RING_INBOX_H
#define RING_INBOX_H

#include "_parts.h"

typedef struct {
    PyObject_HEAD
    lkas_ring *ring, *bell;
    unsigned long long received, bytes; /* plain messages */
} Inbox;

static PyTypeObject Inbox_Type;

static int Inbox_init(Inbox *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path", "bell", "slots", "capacity", "adopt", NULL};
    PyObject *path;
    Bell *bell;
    unsigned int slots = 1;
    unsigned long long capacity = 1;
    int adopt = 0;
    lkas_error error;
    if (self->ring) {
        PyErr_SetString(PyExc_TypeError, "an Inbox is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&O!|IK$p", names, PyUnicode_FSConverter, &path, &Bell_Type, &bell,
                                     &slots, &capacity, &adopt))
        return -1;
    if (usable(bell->bell)) {
        self->ring = adopt ? lkas_inbox_adopt(PyBytes_AS_STRING(path), &error)
                           : lkas_inbox_create(PyBytes_AS_STRING(path), slots, capacity, &error);
        if (self->ring) self->bell = lkas_ring_retain(bell->bell);
        else raise_error(&error);
    }
    Py_DECREF(path);
    return self->ring ? 0 : -1;
}

static PyObject *Inbox_take(Inbox *self, PyObject *argument) {
    uint64_t position;
    const int copy = PyObject_IsTrue(argument);
    if (copy < 0 || !usable(self->ring)) return NULL;
    const lkas_ring_entry *entry = lkas_inbox_take(self->ring, &position);
    if (!entry) return Py_NewRef(nothing);
    const lkas_ring_entry message = *entry;
    if (!message.parts || message.parts > MAX_PARTS || message.parts * sizeof(uint64_t) > message.bytes + 8 ||
        !lkas_ring_holds(self->ring, message.offset, message.bytes)) {
        lkas_inbox_release(self->ring, position, self->bell);
        PyErr_Format(serialization_error, "%s: a message was overwritten by another program", self->ring->path);
        return NULL;
    }
    const char *data = lkas_ring_bytes(self->ring, message.offset);
    const int is_plain = message.kind == LKAS_RING_PLAIN && message.parts == 1 && !message.request;
    /* A large copy releases the GIL, and close() may be called meanwhile. */
    lkas_ring *ring = lkas_ring_retain(self->ring), *bell = lkas_ring_retain(self->bell);
    PyObject *lent = copy ? NULL : lend(ring, bell, position, data, message.bytes), *content = NULL;
    if (copy || lent)
        content = is_plain ? read_part(lent, data, 0, message.bytes, 1) : read_parts(lent, data, &message);
    Py_XDECREF(lent);
    if (copy) lkas_inbox_release(ring, position, bell);
    lkas_ring_release(ring);
    lkas_ring_release(bell);
    if (!content) return NULL;
    if (!is_plain)
        return Py_BuildValue("IKKN", message.kind, (unsigned long long)message.sender,
                             (unsigned long long)message.request, content);
    ++self->received;
    self->bytes += message.bytes;
    return content;
}

static PyObject *Inbox_wait(Inbox *self, PyObject *argument) {
    double timeout_s = PyFloat_AsDouble(argument);
    if ((timeout_s == -1.0 && PyErr_Occurred()) || !usable(self->ring)) return NULL;
    lkas_ring *ring = lkas_ring_retain(self->ring);
    const int64_t until_ns = lkas_now_ns() + timeout_ns(timeout_s);
    int has_failed = 0;
    while (!has_failed && !lkas_inbox_has_new(ring)) {
        int64_t left_ns = until_ns - lkas_now_ns();
        if (left_ns <= 0) break;
        Py_BEGIN_ALLOW_THREADS
        lkas_inbox_wait(ring, left_ns < LKAS_SLICE_NS ? left_ns : LKAS_SLICE_NS);
        Py_END_ALLOW_THREADS
        has_failed = PyErr_CheckSignals() || !usable(self->ring);
    }
    const int has_new = lkas_inbox_has_new(ring);
    lkas_ring_release(ring);
    return has_failed ? NULL : PyBool_FromLong(has_new);
}

static PyObject *Inbox_end_waits(Inbox *self, PyObject *unused) {
    if (self->ring) lkas_inbox_close_wakes(self->ring);
    Py_RETURN_NONE;
}

static PyObject *Inbox_close(Inbox *self, PyObject *argument) {
    const int keep_messages = PyObject_IsTrue(argument);
    if (keep_messages < 0) return NULL;
    if (!self->ring) Py_RETURN_NONE;
    lkas_inbox_close_wakes(self->ring);
    lkas_inbox_close(self->ring, self->bell, keep_messages);
    Py_RETURN_NONE;
}

static PyObject *Inbox_dropped(Inbox *self, void *unused) {
    return PyLong_FromUnsignedLongLong(self->ring ? lkas__load(&lkas_ring_header_of(self->ring)->dropped, relaxed) : 0);
}

static void Inbox_dealloc(Inbox *self) {
    if (self->ring) lkas_inbox_close(self->ring, self->bell, 0);
    lkas_ring_release(self->ring);
    lkas_ring_release(self->bell);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Inbox_methods[] = {
    {"take", (PyCFunction)Inbox_take, METH_O,
     "take(copy): the next message as (kind, sender, request, parts), or NOTHING; of a PLAIN one that expects no answer "
     "its only part. The parts are copies (bytes, then bytearrays) or read-only views of the arena."},
    {"wait", (PyCFunction)Inbox_wait, METH_O, "wait(timeout_s): sleep until there is a message: whether there is."},
    {"end_waits", (PyCFunction)Inbox_end_waits, METH_NOARGS, "End waits, now and later; may be called from any thread."},
    {"close", (PyCFunction)Inbox_close, METH_O,
     "close(keep_messages): remove the file and notify the senders. An inbox that has messages to keep stays, for another "
     "receiver to adopt."},
    {NULL},
};

static PyGetSetDef Inbox_getset[] = {
    {"dropped", (getter)Inbox_dropped, NULL, "Messages that senders dropped, because the inbox had no room."},
    {NULL},
};

static PyMemberDef Inbox_members[] = {
    {"received", T_ULONGLONG, offsetof(Inbox, received), READONLY, "PLAIN messages that were returned as they are."},
    {"bytes", T_ULONGLONG, offsetof(Inbox, bytes), READONLY, "The bytes of these messages."},
    {NULL},
};

static PyTypeObject Inbox_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory.sockets._ring.Inbox",
    .tp_basicsize = sizeof(Inbox),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Inbox_init,
    .tp_dealloc = (destructor)Inbox_dealloc,
    .tp_methods = Inbox_methods,
    .tp_members = Inbox_members,
    .tp_getset = Inbox_getset,
    .tp_doc = "Inbox(path, bell, slots, capacity, *, adopt=False): messages for this receiver. FileExistsError when "
              "the name is taken, or, adopting, when its owner lives.",
};

#endif
