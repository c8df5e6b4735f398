/* Reading: copies, views in place, waiting. Included by _core.c only. */
#ifndef CORE_READ_H
#define CORE_READ_H

#include "_channel.h"

static PyObject *view_message(Channel *self, const lkas_view *view, PyObject *array) {
    alignas(8) char record[RECORD_MAX_BYTES];
    lkas_view_record(view, record);
    return record_unpack(self->record, record, array);
}

/* An array to copy a frame into. One that its reader has released is used again: its pages are mapped and in the cache,
 * while fresh memory of this size would be requested from the kernel and returned for each frame. */
static PyObject *copy_array(Channel *self, image_shape shape) {
    for (int i = 0; i < KEPT_COPIES; ++i)
        if (image_is_free(self->copies[i], shape)) return Py_NewRef(self->copies[i]);
    PyObject *array = image_new(shape);
    if (!array) return NULL;
    self->newest_copy = (self->newest_copy + 1) % KEPT_COPIES;
    Py_XSETREF(self->copies[self->newest_copy], Py_NewRef(array));
    return array;
}

/* A copied image; the slot is pinned while it is copied. */
static PyObject *receive_image(Channel *self, int only_new, lkas_error *error) {
    lkas_view view;
    int result = lkas_view_begin(&self->reader, only_new, &view, error);
    if (result < 0) return raise_error(error);
    if (result == 0) Py_RETURN_NONE;
    const lkas_facts *facts = &view.channel->facts;
    PyObject *message = NULL;
    PyObject *array = copy_array(self, shape_of(facts));
    if (array) {
        copy_bytes(image_pixels(array), lkas_view_bulk(&view), facts->bulk_bytes);
        message = lkas__is_lost(&view.channel->segment) ? Py_NewRef(Py_None) : view_message(self, &view, array);
    }
    Py_XDECREF(array);
    lkas_view_end(&view);
    return message;
}

static PyObject *receive(Channel *self, int only_new) {
    lkas_error error;
    if (self->record->has_image) return receive_image(self, only_new, &error);
    alignas(8) char record[RECORD_MAX_BYTES];
    int result = lkas_read(&self->reader, only_new, record, &error);
    if (result < 0) return raise_error(&error);
    if (result == 0) Py_RETURN_NONE;
    return record_unpack(self->record, record, NULL);
}

static int64_t deadline_ns(double timeout_s) { return lkas_now_ns() + timeout_ns(timeout_s); }

/* Sleep until one of the readers has something new: 1, 0 when the time is over or one was closed, -1 and an exception. */
static int wait_for_news(Channel *const *channels, int count, int64_t until_ns) {
    lkas_error error;
    lkas_awaited awaited[LKAS_READERS];
    int has_spun = 0;
    for (;;) {
        int64_t slice_ns = until_ns - lkas_now_ns();
        for (int i = 0; i < count; ++i) {
            lkas_reader *reader = &channels[i]->reader;
            if (lkas_follow(reader, &error)) {
                raise_error(&error);
                return -1;
            }
            if (lkas_has_new(reader)) return 1;
            if (lkas_slice_ns(reader) < slice_ns) slice_ns = lkas_slice_ns(reader);
        }
        if (slice_ns <= 0) return 0;
        for (int i = 0; i < count; ++i) {
            lkas_reader *reader = &channels[i]->reader;
            awaited[i].channel = reader->channel ? lkas_retain(reader->channel) : NULL;
            awaited[i].last = reader->last;
            awaited[i].is_closed = &reader->is_closed;
        }
        Py_BEGIN_ALLOW_THREADS
        if (has_spun || count > 1 || !lkas_spin(awaited[0].channel, awaited[0].last, channels[0]->reader.spin_ns))
            lkas_wait_slice(awaited, count, slice_ns);
        Py_END_ALLOW_THREADS
        has_spun = 1;
        for (int i = 0; i < count; ++i) lkas_release(awaited[i].channel);
        if (PyErr_CheckSignals()) return -1;
        for (int i = 0; i < count; ++i)
            if (lkas__load(&channels[i]->reader.is_closed, acquire)) return 0;
    }
}

/* After news that could not be read (a failed CRC, a damaged header): pause a moment; 1 when the time is over. */
static int rest_before(int64_t until_ns) {
    Py_BEGIN_ALLOW_THREADS
    lkas__sleep_ns(200000);
    Py_END_ALLOW_THREADS
    return lkas_now_ns() >= until_ns;
}

/* Parse the one optional argument, by position or as `timeout`. */
static int parse_timeout(PyObject *const *args, Py_ssize_t count, PyObject *names, double *timeout_s) {
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    *timeout_s = 0.0;
    if (count + named > 1 ||
        (named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "timeout") != 0)) {
        PyErr_SetString(PyExc_TypeError, "expected at most one argument: timeout, in seconds");
        return -1;
    }
    if (count + named == 1) *timeout_s = PyFloat_AsDouble(args[0]);
    return *timeout_s == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *Channel_read(Channel *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    double timeout_s;
    if (check_role(self, 0) || parse_timeout(args, count, names, &timeout_s)) return NULL;
    PyObject *message = receive(self, 1);
    if (message != Py_None || !(timeout_s > 0)) return message;
    const int64_t until_ns = deadline_ns(timeout_s);
    while (message == Py_None) { /* more than once when a message failed its CRC */
        const int news = wait_for_news(&self, 1, until_ns);
        if (news == 0) break;
        Py_DECREF(message);
        message = news == 1 ? receive(self, 1) : NULL;
        if (message == Py_None && rest_before(until_ns)) break;
    }
    return message;
}

static PyObject *Channel_latest(Channel *self, PyObject *unused) {
    return check_role(self, 0) ? NULL : receive(self, 0);
}

/* ------------------------------------------------------------------ View */

typedef struct {
    PyObject_HEAD
    Channel *channel;
    double timeout_s;
    lkas_view view;
} View;

static PyTypeObject View_Type;

static PyObject *Channel_view(Channel *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    double timeout_s;
    if (check_role(self, 0) || parse_timeout(args, count, names, &timeout_s)) return NULL;
    if (!self->record->has_image) {
        PyErr_Format(shm_error, "%s: %s has no image to view; read() it", self->reader.path, self->record->name);
        return NULL;
    }
    View *view = PyObject_New(View, &View_Type);
    if (!view) return NULL;
    view->channel = (Channel *)Py_NewRef(self);
    view->timeout_s = timeout_s;
    view->view.channel = NULL;
    return (PyObject *)view;
}

static PyObject *View_enter(View *self, PyObject *unused) {
    Channel *channel = self->channel;
    lkas_error error;
    if (self->view.channel) {
        PyErr_SetString(shm_error, "this view is already open");
        return NULL;
    }
    int result = lkas_view_begin(&channel->reader, 1, &self->view, &error);
    const int64_t until_ns = result == 0 && self->timeout_s > 0 ? deadline_ns(self->timeout_s) : 0;
    while (result == 0 && self->timeout_s > 0) {
        const int news = wait_for_news(&channel, 1, until_ns);
        if (news < 0) return NULL;
        if (news == 0) break;
        result = lkas_view_begin(&channel->reader, 1, &self->view, &error);
        if (result == 0 && rest_before(until_ns)) break;
    }
    if (result < 0) return raise_error(&error);
    if (result == 0) Py_RETURN_NONE;
    PyObject *array = slot_array(channel, self->view.channel, self->view.slot);
    PyObject *message = array ? view_message(channel, &self->view, array) : NULL;
    if (!message) lkas_view_end(&self->view);
    return message;
}

static PyObject *View_exit(View *self, PyObject *const *args, Py_ssize_t count) {
    lkas_view_end(&self->view);
    Py_RETURN_FALSE;
}

static void View_dealloc(View *self) {
    lkas_view_end(&self->view);
    Py_XDECREF(self->channel);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef View_methods[] = {
    {"__enter__", (PyCFunction)View_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))View_exit, METH_FASTCALL, NULL},
    {NULL},
};

static PyTypeObject View_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory._core.View",
    .tp_basicsize = sizeof(View),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)View_dealloc,
    .tp_methods = View_methods,
    .tp_doc = "A pinned slot, read in place.",
};

#endif
