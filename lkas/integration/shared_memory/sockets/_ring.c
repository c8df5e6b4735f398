/* CPython over lkas_ring.h: inboxes that messages are copied into and taken out of, bells, waits that let other
 * threads and Ctrl-C through. Which message goes where is decided in Python.
 *
 * The core is called under the GIL, except for sleeping, for waiting for another sender's turn to end and for copies
 * of COPY_WITHOUT_GIL_BYTES and more; those hold a reference of their own to the mapping, so that close() in another
 * thread is safe.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "lkas_ring.h"

#define COPY_WITHOUT_GIL_BYTES (4 << 20) /* below, handing the GIL over costs more than the copy */
#define MAX_PARTS 1024
#define LONGEST_WAIT_S 1e9

static PyObject *shm_error, *connection_error, *buffer_full_error, *serialization_error;
static PyObject *nothing; /* what receiving gives when there is nothing: any other object may be a message */

static PyObject *raise_core(const lkas_error *error) {
    PyObject *type = shm_error;
    if (error->code == LKAS_E_ARGUMENT) type = PyExc_ValueError;
    else if (error->code == LKAS_E_SPACE) type = buffer_full_error;
    else if (error->code == LKAS_E_WRITER_EXISTS) type = PyExc_FileExistsError;
    else if (error->code == LKAS_E_SYSTEM && error->system_errno == ENOENT) type = PyExc_FileNotFoundError;
    PyErr_SetString(type, error->text);
    return NULL;
}

/* Every use of a ring begins here: NULL and an exception when it is closed or belongs to a parent process. */
static lkas_ring *usable(lkas_ring *ring) {
    if (ring && lkas_ring_is_foreign(ring)) {
        PyErr_Format(connection_error, "%s: opened before a fork: make a socket of its own in the child process",
                     ring->path);
        return NULL;
    }
    if (!ring || ring->fd < 0 || lkas__load(&ring->is_closed, acquire)) {
        PyErr_Format(connection_error, "%s: the socket is closed", ring ? ring->path : "not opened");
        return NULL;
    }
    return ring;
}

static int64_t duration_ns_of(double timeout_s) {
    if (!(timeout_s > 0)) return 0;
    return (int64_t)((timeout_s > LONGEST_WAIT_S ? LONGEST_WAIT_S : timeout_s) * 1e9);
}

/* ------------------------------------------------------------------ Bell */

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
    if (!self->bell) raise_core(&error);
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
    int64_t duration_ns = duration_ns_of(timeout_s);
    lkas_ring *bell = lkas_ring_retain(self->bell);
    Py_BEGIN_ALLOW_THREADS
    lkas_bell_wait(bell, watched, duration_ns < LKAS_SLICE_NS ? duration_ns : LKAS_SLICE_NS);
    Py_END_ALLOW_THREADS
    lkas_ring_drop(bell);
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
    lkas_ring_drop(self->bell);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Bell_methods[] = {
    {"announce", (PyCFunction)Bell_announce, METH_NOARGS, "Say that the receivers of this name have changed."},
    {"watch", (PyCFunction)Bell_watch, METH_NOARGS, "Before looking for room or receivers: the word for wait()."},
    {"wait", (PyCFunction)Bell_wait, METH_VARARGS, "wait(word, timeout_s): sleep until news, at most 0.1 s."},
    {"leave", (PyCFunction)Bell_leave, METH_NOARGS,
     "Stop using the name: whether this was its last user. Then nobody can use it until close()."},
    {"end_waits", (PyCFunction)Bell_end_waits, METH_NOARGS, "From any thread: end waits, now and later."},
    {"close", (PyCFunction)Bell_close, METH_NOARGS, "Stop using the name; the last user takes the file away."},
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
    .tp_doc = "Bell(path): tells the senders of one name of new receivers and of room.",
};

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
    lkas_ring_drop(self->ring);
    lkas_ring_drop(self->bell);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyBufferProcs Lent_buffer = {.bf_getbuffer = (getbufferproc)Lent_getbuffer};

static PyTypeObject Lent_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory.sockets._ring.Lent",
    .tp_basicsize = sizeof(Lent),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)Lent_dealloc,
    .tp_as_buffer = &Lent_buffer,
    .tp_doc = "The bytes of a message where they arrived; gives their room back when the last view is gone.",
};

/* NULL and an exception: the message is given back. */
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

static void copy_out(char *target, const char *data, uint64_t size) {
    if (size < COPY_WITHOUT_GIL_BYTES) {
        memcpy(target, data, (size_t)size);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    memcpy(target, data, (size_t)size);
    Py_END_ALLOW_THREADS
}

/* One part, as bytes (the first) or bytearray, or as a view of `lent`. */
static PyObject *read_part(PyObject *lent, const char *data, uint64_t offset, uint64_t size, int is_first) {
    if (!lent) {
        PyObject *own = is_first ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size)
                                 : PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)size);
        if (own) copy_out(is_first ? PyBytes_AS_STRING(own) : PyByteArray_AS_STRING(own), data + offset, size);
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

/* ------------------------------------------------------------------ Inbox */

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
        else raise_core(&error);
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
    const char *data = lkas_ring_bytes(self->ring, entry);
    const int is_plain = message.kind == LKAS_RING_PLAIN && message.parts == 1 && !message.request;
    /* A large copy lets go of the GIL, and close() may come. */
    lkas_ring *ring = lkas_ring_retain(self->ring), *bell = lkas_ring_retain(self->bell);
    PyObject *lent = copy ? NULL : lend(ring, bell, position, data, message.bytes), *content = NULL;
    if (copy || lent)
        content = is_plain ? read_part(lent, data, 0, message.bytes, 1) : read_parts(lent, data, &message);
    Py_XDECREF(lent);
    if (copy) lkas_inbox_release(ring, position, bell);
    lkas_ring_drop(ring);
    lkas_ring_drop(bell);
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
    const int64_t until_ns = lkas_now_ns() + duration_ns_of(timeout_s);
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
    lkas_ring_drop(ring);
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
    lkas_ring_drop(self->ring);
    lkas_ring_drop(self->bell);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Inbox_methods[] = {
    {"take", (PyCFunction)Inbox_take, METH_O,
     "take(copy): the next message as (kind, sender, request, parts), or NOTHING; of a PLAIN one that wants no answer "
     "its only part. The parts are copies (bytes, then bytearrays) or read-only views of the arena."},
    {"wait", (PyCFunction)Inbox_wait, METH_O, "wait(timeout_s): sleep until there is a message: whether there is."},
    {"end_waits", (PyCFunction)Inbox_end_waits, METH_NOARGS, "From any thread: end waits, now and later."},
    {"close", (PyCFunction)Inbox_close, METH_O,
     "close(keep_messages): take the file away and tell the senders. One that has messages to keep stays, for another "
     "receiver to adopt."},
    {NULL},
};

static PyGetSetDef Inbox_getset[] = {
    {"dropped", (getter)Inbox_dropped, NULL, "Messages that senders gave up, because they found no room here."},
    {NULL},
};

static PyMemberDef Inbox_members[] = {
    {"received", T_ULONGLONG, offsetof(Inbox, received), READONLY, "PLAIN messages that were given as what they are."},
    {"bytes", T_ULONGLONG, offsetof(Inbox, bytes), READONLY, "And their bytes."},
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

/* ------------------------------------------------------------------ Outlet */

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
    if (!self->ring) raise_core(&error);
    return self->ring ? 0 : -1;
}

/* Liveness is asked of the kernel once per tick of the coarse clock, not per message. */
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
    lkas_ring_drop(ring);
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
    return result == LKAS_E_SPACE || result >= 0 ? PyLong_FromLong(result) : raise_core(&error);
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
    if (self->ring) lkas__ring_leave(self->ring);
    Py_RETURN_NONE;
}

static PyObject *Outlet_pid(Outlet *self, void *unused) {
    return PyLong_FromUnsignedLong(self->ring ? lkas_ring_header_of(self->ring)->owner_pid : 0);
}

static PyObject *Outlet_capacity(Outlet *self, void *unused) {
    return PyLong_FromUnsignedLongLong(self->ring ? lkas_ring_header_of(self->ring)->capacity : 0);
}

static PyObject *Outlet_figures(Outlet *self, PyObject *unused) {
    if (!usable(self->ring)) return NULL;
    const lkas_ring_header *header = lkas_ring_header_of(self->ring);
    const uint64_t taken = lkas__load(&header->head, acquire); /* before `tail`, which never is behind it */
    return Py_BuildValue("{sKsKsKsIsK}", "handed", (unsigned long long)lkas__load(&header->tail, acquire), "taken",
                         (unsigned long long)taken, "dropped",
                         (unsigned long long)lkas__load(&header->dropped, relaxed), "slots", header->slots,
                         "allocated", (unsigned long long)header->allocated);
}

static PyObject *Outlet_has_messages(Outlet *self, void *unused) {
    return PyBool_FromLong(self->ring && lkas_inbox_has_new(self->ring));
}

static void Outlet_dealloc(Outlet *self) {
    lkas_ring_drop(self->ring);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Outlet_methods[] = {
    {"push", (PyCFunction)Outlet_push, METH_VARARGS,
     "push(kind, parts, sender, request): copy a message in: HANDED, FULL, GONE, TOO_LARGE or NO_SPACE."},
    {"count_drop", (PyCFunction)Outlet_count_drop, METH_NOARGS, "Count a message that found no room, for its owner."},
    {"is_alive", (PyCFunction)Outlet_is_alive, METH_NOARGS, "Whether the owner lives and takes messages."},
    {"figures", (PyCFunction)Outlet_figures, METH_NOARGS,
     "What went through: a dict of handed, taken, dropped (messages), slots, allocated (bytes)."},
    {"close", (PyCFunction)Outlet_close, METH_NOARGS, "Let go of the inbox."},
    {NULL},
};

static PyGetSetDef Outlet_getset[] = {
    {"pid", (getter)Outlet_pid, NULL, "The owner's process."},
    {"capacity", (getter)Outlet_capacity, NULL, "Bytes of messages that the inbox can hold."},
    {"has_messages", (getter)Outlet_has_messages, NULL, "Whether its owner has not taken everything yet."},
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
    .tp_doc = "Outlet(path): a sender's way into somebody's inbox.",
};

/* ------------------------------------------------------------------ Outlets */

/* What sending costs when all is well: one call, while membership has not changed and everybody has room. Whatever
 * else there is to do is done in Python. */
typedef struct {
    PyObject_HEAD
    lkas_ring *bell;
    PyObject *outlets; /* list */
    uint32_t members;  /* the bell's count when the list was made */
    Py_ssize_t turn;
    unsigned long long sent, bytes; /* messages that somebody has; bytes, for each who has them */
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
    self->members = lkas_bell_members(self->bell) - 1; /* not looked yet */
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
    lkas_ring_drop(self->bell);
    Py_XDECREF(self->outlets);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Outlets_methods[] = {
    {"fill", (PyCFunction)Outlets_fill, METH_VARARGS, "fill(outlets, members): who is there at which count."},
    {"push_next", (PyCFunction)(void (*)(void))Outlets_push_next, METH_FASTCALL,
     "push_next(kind, parts, sender, request): the outlet whose turn it is, when it took the message, else None."},
    {"push_next_plain", (PyCFunction)Outlets_push_next_plain, METH_O,
     "push_next_plain(item): push_next() of bytes or a bytearray as a PLAIN message; None also for any other object."},
    {"push_all", (PyCFunction)(void (*)(void))Outlets_push_all, METH_FASTCALL,
     "push_all(kind, parts): how many took the message before the first one that did not, or before a change."},
    {"count", (PyCFunction)Outlets_count, METH_VARARGS,
     "count(parts, receivers): add a message that went other ways than push_next() and a complete push_all()."},
    {NULL},
};

static PyMemberDef Outlets_members[] = {
    {"turn", T_PYSSIZET, offsetof(Outlets, turn), 0, "Whose turn it is, modulo their number."},
    {"sent", T_ULONGLONG, offsetof(Outlets, sent), READONLY, "Messages that somebody has."},
    {"bytes", T_ULONGLONG, offsetof(Outlets, bytes), READONLY, "And their bytes, for each who has them."},
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

/* ------------------------------------------------------------------ module */

static struct PyModuleDef ring_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "lkas.integration.shared_memory.sockets._ring",
    .m_doc = "The inboxes of lkas_ring.h.",
    .m_size = -1,
};

static int import_errors(void) {
    PyObject *errors = PyImport_ImportModule("lkas.integration.shared_memory.errors");
    if (!errors) return -1;
    shm_error = PyObject_GetAttrString(errors, "SHMError");
    connection_error = PyObject_GetAttrString(errors, "SHMConnectionError");
    buffer_full_error = PyObject_GetAttrString(errors, "SHMBufferFullError");
    serialization_error = PyObject_GetAttrString(errors, "SHMSerializationError");
    Py_DECREF(errors);
    return PyErr_Occurred() ? -1 : 0;
}

PyMODINIT_FUNC PyInit__ring(void) {
    PyTypeObject *types[] = {&Bell_Type, &Lent_Type, &Inbox_Type, &Outlet_Type, &Outlets_Type};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); ++i)
        if (PyType_Ready(types[i])) return NULL;
    if (import_errors()) return NULL;
    PyObject *module = PyModule_Create(&ring_module);
    nothing = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    if (!module || !nothing || PyModule_AddObjectRef(module, "NOTHING", nothing) ||
        PyModule_AddIntConstant(module, "PLAIN", LKAS_RING_PLAIN) ||
        PyModule_AddObjectRef(module, "Bell", (PyObject *)&Bell_Type) ||
        PyModule_AddObjectRef(module, "Inbox", (PyObject *)&Inbox_Type) ||
        PyModule_AddObjectRef(module, "Outlet", (PyObject *)&Outlet_Type) ||
        PyModule_AddObjectRef(module, "Outlets", (PyObject *)&Outlets_Type) ||
        PyModule_AddIntConstant(module, "HANDED", LKAS_OK) || PyModule_AddIntConstant(module, "FULL", LKAS_RING_FULL) ||
        PyModule_AddIntConstant(module, "GONE", LKAS_RING_GONE) ||
        PyModule_AddIntConstant(module, "TOO_LARGE", LKAS_RING_TOO_LARGE) ||
        PyModule_AddIntConstant(module, "NO_SPACE", LKAS_E_SPACE)) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
