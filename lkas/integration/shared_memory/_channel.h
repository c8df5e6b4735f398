/* The Channel object: opening, closing, and the arrays over its slots. Included by _core.c only. */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "_glue.h"
#include "_image.h"
#include "_record.h"
#include "lkas_channel.h"

#define KEPT_COPIES 2 /* the frame in the caller's hands and the one before */

static_assert(RECORD_MAX_BYTES <= LKAS_MAX_RECORD_BYTES, "a packed record fits a slot");

static PyObject *schema_error, *writer_exists_error;

static PyObject *raise_error(const lkas_error *error) {
    switch (error->code) {
    case LKAS_E_SCHEMA:
        PyErr_SetString(schema_error, error->text);
        break;
    case LKAS_E_FULL:
        PyErr_SetString(buffer_full_error, error->text);
        break;
    case LKAS_E_ARGUMENT:
        PyErr_SetString(PyExc_ValueError, error->text);
        break;
    case LKAS_E_WRITER_EXISTS: {
        PyObject *exception = PyObject_CallFunction(writer_exists_error, "si", error->text, (int)error->pid);
        if (exception) PyErr_SetObject(writer_exists_error, exception);
        Py_XDECREF(exception);
        break;
    }
    default:
        PyErr_SetString(shm_error, error->text);
    }
    return NULL;
}

typedef struct {
    PyObject_HEAD
    Record *record;
    int is_writer;
    int is_ready; /* initialised, not closed */
    lkas_writer writer;
    lkas_reader reader;
    lkas_channel *array_channel;         /* of `arrays`; each array holds a reference to it */
    PyObject *arrays[LKAS_MAX_SLOTS];    /* one per slot, made when first needed */
    PyObject *copies[KEPT_COPIES];       /* that read() returned last */
    int newest_copy;
} Channel;

static void drop_arrays(Channel *self) {
    for (int i = 0; i < LKAS_MAX_SLOTS; ++i) Py_CLEAR(self->arrays[i]);
    for (int i = 0; i < KEPT_COPIES; ++i) Py_CLEAR(self->copies[i]);
    self->array_channel = NULL;
}

static image_shape shape_of(const lkas_facts *facts) {
    const image_shape shape = {facts->height, facts->width, facts->channels};
    return shape;
}

static void release_owner(PyObject *capsule) { lkas_release((lkas_channel *)PyCapsule_GetPointer(capsule, NULL)); }

/* The array of a slot, borrowed. Its base keeps the mapping for as long as the array lives. */
static PyObject *slot_array(Channel *self, lkas_channel *channel, uint32_t slot) {
    if (self->array_channel != channel) drop_arrays(self);
    self->array_channel = channel;
    if (self->arrays[slot]) return self->arrays[slot];
    PyObject *owner = PyCapsule_New(channel, NULL, release_owner);
    if (!owner) return NULL;
    lkas_retain(channel);
    self->arrays[slot] = image_over(owner, lkas_slot_bulk(channel, slot), shape_of(&channel->facts));
    return self->arrays[slot];
}

/* Report once that a damaged file was replaced: -1 where the user has made warnings errors. */
static int warn_of_damage(Channel *self) {
    if (!self->writer.notice[0]) return 0;
    const int result = PyErr_WarnEx(PyExc_RuntimeWarning, self->writer.notice, 1);
    self->writer.notice[0] = 0;
    return result;
}

static int Channel_init(Channel *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path", "record", "create", "slots", "height",  "width",
                            "channels", "spin_ns", "checksum", NULL};
    const char *path;
    PyObject *record;
    lkas_spec spec = {0};
    long long spin_ns = 0;
    int has_crc = 0;
    lkas_error error;
    if (self->record) {
        PyErr_SetString(PyExc_TypeError, "a channel is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO!p|IIIILp", names, &path, &Record_Type, &record, &self->is_writer,
                                     &spec.slots, &spec.height, &spec.width, &spec.channels, &spin_ns, &has_crc))
        return -1;
    spec.has_crc = (uint32_t)has_crc;
    self->record = (Record *)Py_NewRef(record);
    spec.record_type = self->record->name;
    spec.schema_hash = self->record->schema_hash;
    spec.record_bytes = (uint32_t)self->record->size;
    spec.stamp_offset = self->record->stamp_offset;
    spec.has_image = (uint32_t)self->record->has_image;
    if (spec.has_image && image_import_numpy()) return -1;
    if (strlen(path) >= LKAS_PATH_BYTES) {
        PyErr_Format(PyExc_ValueError, "%s: the path is longer than %d bytes", path, LKAS_PATH_BYTES - 1);
        return -1;
    }
    if (!self->is_writer) {
        lkas_reader_init(&self->reader, path, &spec);
        self->reader.spin_ns = spin_ns;
    } else if (lkas_open(&self->writer, path, &spec, &error)) {
        raise_error(&error);
        return -1;
    } else if (warn_of_damage(self)) {
        lkas_close_writer(&self->writer);
        return -1;
    }
    self->is_ready = 1;
    return 0;
}

static PyObject *Channel_close(Channel *self, PyObject *unused) {
    if (self->is_ready) {
        self->is_ready = 0;
        drop_arrays(self);
        if (self->is_writer) lkas_close_writer(&self->writer);
        else lkas_close_reader(&self->reader);
    }
    Py_RETURN_NONE;
}

static void Channel_dealloc(Channel *self) {
    Py_XDECREF(Channel_close(self, NULL));
    Py_XDECREF(self->record);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int check_role(const Channel *self, int is_writer) {
    if (self->record && self->is_writer == is_writer) return 0;
    PyErr_SetString(shm_error, !self->record ? "this channel was not initialised"
                               : is_writer   ? "this channel was opened for reading; create=True writes"
                                             : "this channel was opened for writing; create=False reads");
    return -1;
}

#endif
