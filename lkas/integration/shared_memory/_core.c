/* The module _core: CPython over lkas_channel.h. _record.c packs messages, _image.c knows arrays.
 *
 * The core is called under the GIL, except for slices of a wait and copies of COPY_WITHOUT_GIL_BYTES and more; those
 * hold their own reference to the channel, so that close() in another thread is safe.
 */
#include "_call.h"
#include "_read.h"
#include "_write.h"

/* ------------------------------------------------------------------ Channel: state */

static PyObject *Channel_attach(Channel *self, PyObject *unused) {
    lkas_error error;
    if (check_role(self, 0)) return NULL;
    if (lkas_follow(&self->reader, &error)) return raise_error(&error);
    return PyBool_FromLong(self->reader.channel != NULL);
}

/* (generation, sequence, drops, missed, restarts, corrupt, writer_pid or None), or None when not attached.
 * `corrupt`: as found by this reader; for the writer, by all readers. */
static PyObject *Channel_state(Channel *self, PyObject *unused) {
    const lkas_channel *channel = self->is_writer ? self->writer.channel : self->reader.channel;
    const unsigned forks = self->is_writer ? self->writer.forks : self->reader.forks;
    if (!channel || channel->segment.fd < 0 || forks != lkas__forks) Py_RETURN_NONE;
    lkas_header *header = channel->header;
    int has_writer = self->is_writer || lkas__first_locked(channel->segment.fd, 0, 1) >= 0;
    PyObject *pid = has_writer ? PyLong_FromUnsignedLong(lkas__load(&header->writer_pid, relaxed)) : Py_NewRef(Py_None);
    const uint64_t corrupt = self->is_writer ? lkas__load(&header->corrupt, relaxed) : self->reader.corrupt;
    return Py_BuildValue("IKKKIKN", lkas__load(&header->generation, relaxed),
                         (unsigned long long)(lkas__load(&header->latest, relaxed) >> 8),
                         (unsigned long long)lkas__load(&header->drops, relaxed),
                         (unsigned long long)self->reader.missed, self->reader.restarts, (unsigned long long)corrupt,
                         pid);
}

static PyObject *Channel_shape(Channel *self, void *unused) {
    const lkas_channel *channel = self->is_writer ? self->writer.channel : self->reader.channel;
    if (!channel || !self->record->has_image) Py_RETURN_NONE;
    return Py_BuildValue("III", channel->facts.height, channel->facts.width, channel->facts.channels);
}

static PyObject *Channel_closed(Channel *self, void *unused) { return PyBool_FromLong(!self->is_ready); }

static PyObject *Channel_path(Channel *self, void *unused) {
    return PyUnicode_DecodeFSDefault(self->is_writer ? self->writer.path : self->reader.path);
}

static PyObject *Channel_self(Channel *self, PyObject *unused) { return Py_NewRef((PyObject *)self); }

static PyObject *Channel_exit(Channel *self, PyObject *const *args, Py_ssize_t count) {
    return Channel_close(self, NULL);
}

#define FAST(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef Channel_methods[] = {
    {"read", FAST(Channel_read), METH_FASTCALL | METH_KEYWORDS,
     "read($self, /, timeout=0.0)\n--\n\nThe newest message this reader has not read yet, or None.\n\n"
     "With a timeout (s) it sleeps until there is one. Costs less than a microsecond; an image, the reader's own copy,\n"
     "one copy of the pixels, into the memory of an earlier frame that was released. SHMSchemaError when the segment\n"
     "holds another message, SHMError after close() or a fork, or when all 64 reader places are taken."},
    {"latest", (PyCFunction)Channel_latest, METH_NOARGS,
     "latest($self, /)\n--\n\nThe newest message, read before or not, or None.\n\n"
     "Does not count as reading it. Costs and errors as read()."},
    {"_view", FAST(Channel_view), METH_FASTCALL | METH_KEYWORDS,
     "_view($self, /, timeout=0.0)\n--\n\nA context manager that gives the newest unread message, its image read-only "
     "and without a copy, or None.\n\n"
     "`timeout` (s): sleep at most so long for one. The slot stays pinned until the block ends; keep no array of it longer.\n"
     "Two views at a time per reader, a third is an SHMError. Costs well under a microsecond."},
    {"close", (PyCFunction)Channel_close, METH_NOARGS,
     "close($self, /)\n--\n\nDetach from the segment and end waits of other threads; arrays over it stay readable.\n\n"
     "May be called twice, and from another thread."},
    {"unlink", (PyCFunction)Channel_unlink, METH_NOARGS,
     "unlink($self, /)\n--\n\nRemove the writer's segment, before or after close(). Does nothing for a reader.\n\n"
     "Its readers wake up and look for the next one. SHMError without permission."},
    {"__enter__", (PyCFunction)Channel_self, METH_NOARGS, NULL},
    {"__exit__", FAST(Channel_exit), METH_FASTCALL, NULL},
    {"_write_values", FAST(Channel_write_values), METH_FASTCALL, NULL},
    {"_write_message", (PyCFunction)Channel_write_message, METH_O,
     "_write_message($self, message, /)\n--\n\nPublish a whole message, its publish_ns and sequence set by the channel.\n\n"
     "False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field. Costs less\n"
     "than a microsecond, more for nested messages."},
    {"_write_image", FAST(Channel_write_image), METH_FASTCALL, NULL},
    {"_loan", FAST(Channel_loan), METH_FASTCALL, NULL},
    {"_attach", (PyCFunction)Channel_attach, METH_NOARGS, NULL},
    {"_state", (PyCFunction)Channel_state, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL}, /* Channel[Message], for type checkers */
    {NULL},
};

static PyGetSetDef Channel_properties[] = {
    {"closed", (getter)Channel_closed, NULL, "Whether close() was called.", NULL},
    {"path", (getter)Channel_path, NULL, "The segment's file.", NULL},
    {"_shape", (getter)Channel_shape, NULL, NULL, NULL},
    {NULL},
};

static PyTypeObject Channel_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory._core.Channel",
    .tp_basicsize = sizeof(Channel),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Channel_init,
    .tp_dealloc = (destructor)Channel_dealloc,
    .tp_methods = Channel_methods,
    .tp_getset = Channel_properties,
    .tp_doc = "Channel(path, record, create, slots, height, width, channels, spin_ns, checksum)",
};

/* ------------------------------------------------------------------ module */

static PyObject *core_wait_any(PyObject *module, PyObject *args) {
    PyObject *sequence;
    double timeout_s;
    Channel *channels[LKAS_READERS];
    if (!PyArg_ParseTuple(args, "Od", &sequence, &timeout_s)) return NULL;
    PyObject *tuple = PySequence_Tuple(sequence);
    if (!tuple) return NULL;
    PyObject *ready = NULL;
    int count = (int)PyTuple_GET_SIZE(tuple);
    if (count < 1 || count > LKAS_READERS) {
        PyErr_Format(PyExc_ValueError, "expected 1 to %d channels to wait for, found %d", LKAS_READERS, count);
        goto done;
    }
    for (int i = 0; i < count; ++i) {
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        if (!PyObject_TypeCheck(item, &Channel_Type)) {
            PyErr_Format(PyExc_TypeError, "expected a channel, found %s", Py_TYPE(item)->tp_name);
            goto done;
        }
        channels[i] = (Channel *)item;
        if (check_role(channels[i], 0)) goto done;
    }
    if (wait_for_news(channels, count, deadline_ns(timeout_s)) < 0 || !(ready = PyList_New(0))) goto done;
    for (int i = 0; i < count; ++i)
        if (lkas_has_new(&channels[i]->reader) && PyList_Append(ready, (PyObject *)channels[i])) Py_CLEAR(ready);
done:
    Py_DECREF(tuple);
    return ready;
}

static PyObject *core_inspect(PyObject *module, PyObject *args) {
    const char *path;
    lkas_info info;
    lkas_error error;
    if (!PyArg_ParseTuple(args, "s", &path)) return NULL;
    int result = lkas_inspect(path, &info, &error);
    if (result == 0) Py_RETURN_NONE;
    const char *problem = result < 0 ? error.text : NULL;
    return Py_BuildValue("{sssssKsKsKsKsNsIsIsisNsisNsLsz}", "path", path, "record_type", info.record_type, "size_bytes",
                         (unsigned long long)info.total_bytes, "sequence", (unsigned long long)info.sequence, "drops",
                         (unsigned long long)info.drops, "corrupt", (unsigned long long)info.corrupt, "has_checksum",
                         PyBool_FromLong(info.has_crc), "layout_version", info.layout_version, "generation",
                         info.generation, "writer_pid", (int)info.writer_pid, "has_writer",
                         PyBool_FromLong(info.has_writer), "readers", info.readers, "is_this_boot",
                         PyBool_FromLong(info.is_this_boot), "newest_ns", (long long)info.newest_ns, "problem", problem);
}

static PyObject *core_remove_idle(PyObject *module, PyObject *args) {
    const char *path;
    lkas_error error;
    if (!PyArg_ParseTuple(args, "s", &path)) return NULL;
    int removed = lkas_unlink_idle(path, 0, 0, 1, &error);
    if (removed < 0) return raise_error(&error);
    return PyBool_FromLong(removed);
}

static PyMethodDef core_methods[] = {
    {"wait_any", core_wait_any, METH_VARARGS,
     "wait_any($module, channels, timeout, /)\n--\n\nSleep until one of the channels has something new, at most "
     "`timeout` seconds; return those that have."},
    {"inspect", core_inspect, METH_VARARGS, "Return a dict that describes a segment, or None; does not disturb its users."},
    {"remove_idle", core_remove_idle, METH_VARARGS, "Remove a segment without writer and readers: whether it was removed."},
    {NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "lkas.integration.shared_memory._core",
    .m_doc = "The shared-memory channels of lkas_channel.h.",
    .m_size = -1,
    .m_methods = core_methods,
};

static int load_errors(void) {
    if (load_shared_errors()) return -1;
    record_error = serialization_error;
    schema_error = load_error("SHMSchemaError");
    writer_exists_error = load_error("SHMWriterExistsError");
    return schema_error && writer_exists_error ? 0 : -1;
}

PyMODINIT_FUNC PyInit__core(void) {
    PyTypeObject *types[] = {&Record_Type, &Loan_Type, &View_Type, &Channel_Type, &MessageCall_Type};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); ++i)
        if (PyType_Ready(types[i])) return NULL;
    if (load_errors()) return NULL;
    PyObject *module = PyModule_Create(&core_module);
    if (!module || PyModule_AddObjectRef(module, "Record", (PyObject *)&Record_Type) ||
        PyModule_AddObjectRef(module, "MessageCall", (PyObject *)&MessageCall_Type) ||
        PyModule_AddObjectRef(module, "Channel", (PyObject *)&Channel_Type) ||
        PyModule_AddObjectRef(module, "Loan", (PyObject *)&Loan_Type) ||
        PyModule_AddObjectRef(module, "View", (PyObject *)&View_Type) ||
        PyModule_AddIntConstant(module, "MAX_READERS", LKAS_READERS) ||
        PyModule_AddIntConstant(module, "MAX_VIEWS", LKAS_PINS)) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
