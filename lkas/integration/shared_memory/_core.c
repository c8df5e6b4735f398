/* CPython over lkas_channel.h: messages in and out of slots (_record.c packs them), arrays over slots, waits that let
 * other threads and Ctrl-C through. All policy is in the header or in channels.py.
 *
 * Every call into the core happens under the GIL, except the slices of a wait and copies of COPY_WITHOUT_GIL_BYTES
 * and more; those hold a reference of their own to the segment, so that close() in another thread is safe.
 */
#include "_call.h"
#include "_record.h"

#include <math.h>

#include "lkas_channel.h"

#define COPY_WITHOUT_GIL_BYTES (4 << 20) /* below, handing the GIL over costs more than the copy */
#define LONGEST_WAIT_S 1e9
#define COPIES_KEPT 2 /* the frame in the caller's hands and the one before */

static_assert(RECORD_MAX_BYTES <= LKAS_MAX_RECORD_BYTES, "what is packed fits a slot");

static PyObject *shm_error, *buffer_full_error, *schema_error, *writer_exists_error;
static PyObject *ndarray_type; /* numpy.ndarray, imported with the first image channel */

/* How every numpy array begins. numpy's own inline functions are compiled into each extension with these places, so
 * they are part of its ABI (1.7 to 2.x); import_numpy() makes sure. A call of `setflags` costs more than all the rest
 * of a loan. */
typedef struct {
    PyObject_HEAD
    char *data;
    int dimension_count;
    Py_ssize_t *dimensions, *strides;
    PyObject *base, *descriptor;
    int flags;
    PyObject *weak_references;
} Array;

#define ARRAY_WRITEABLE 0x0400 /* NPY_ARRAY_WRITEABLE */

static void set_writeable(PyObject *array, int is_writeable) {
    if (is_writeable) ((Array *)array)->flags |= ARRAY_WRITEABLE;
    else ((Array *)array)->flags &= ~ARRAY_WRITEABLE;
}

/* 0, or -1 and an ImportError when numpy is missing or keeps an array's flags elsewhere. */
static int import_numpy(void) {
    if (ndarray_type) return 0;
    PyObject *numpy = PyImport_ImportModule("numpy"), *probe = NULL, *none = NULL;
    PyObject *type = numpy ? PyObject_GetAttrString(numpy, "ndarray") : NULL;
    int is_known = 0;
    if (type && (probe = PyObject_CallFunction(type, "(III)s", 2, 3, 4, "uint8"))) {
        const Array *array = (const Array *)probe;
        is_known = array->dimension_count == 3 && array->dimensions[1] == 3 && (array->flags & ARRAY_WRITEABLE);
        if (is_known && (none = PyObject_CallMethod(probe, "setflags", "O", Py_False)))
            is_known = !(array->flags & ARRAY_WRITEABLE) && !array->weak_references;
    }
    if (is_known && none) ndarray_type = Py_NewRef(type);
    else if (!PyErr_Occurred()) PyErr_SetString(PyExc_ImportError, "this numpy lays its arrays out as none before it");
    Py_XDECREF(none);
    Py_XDECREF(probe);
    Py_XDECREF(type);
    Py_XDECREF(numpy);
    return ndarray_type ? 0 : -1;
}

static PyObject *raise_core(const lkas_error *error) {
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

/* ------------------------------------------------------------------ arrays over slots */

typedef struct {
    PyObject_HEAD
    lkas_segment *segment; /* keeps the mapping for as long as an array looks at it */
    void *data;
    Py_ssize_t size;
    int is_readonly;
} SlotBuffer;

static int SlotBuffer_getbuffer(SlotBuffer *self, Py_buffer *view, int flags) {
    return PyBuffer_FillInfo(view, (PyObject *)self, self->data, self->size, self->is_readonly, flags);
}

static void SlotBuffer_dealloc(SlotBuffer *self) {
    lkas_release(self->segment);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyBufferProcs SlotBuffer_procs = {.bf_getbuffer = (getbufferproc)SlotBuffer_getbuffer};

static PyTypeObject SlotBuffer_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory._core.SlotBuffer",
    .tp_basicsize = sizeof(SlotBuffer),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)SlotBuffer_dealloc,
    .tp_as_buffer = &SlotBuffer_procs,
    .tp_doc = "The pixels of one slot.",
};

typedef struct {
    PyObject_HEAD
    Record *record;
    int is_writer;
    int is_ready; /* initialised, not closed */
    lkas_writer writer;
    lkas_reader reader;
    lkas_segment *array_segment;         /* that `arrays` look at; not counted, each array counts */
    PyObject *arrays[LKAS_MAX_SLOTS];    /* one per slot, made when first needed */
    PyObject *copies[COPIES_KEPT];       /* that read() gave away last */
    int newest_copy;
} Channel;

static void drop_arrays(Channel *self) {
    for (int i = 0; i < LKAS_MAX_SLOTS; ++i) Py_CLEAR(self->arrays[i]);
    for (int i = 0; i < COPIES_KEPT; ++i) Py_CLEAR(self->copies[i]);
    self->array_segment = NULL;
}

/* The array of a slot, borrowed. */
static PyObject *slot_array(Channel *self, lkas_segment *segment, uint32_t slot) {
    if (self->array_segment != segment) drop_arrays(self);
    self->array_segment = segment;
    if (self->arrays[slot]) return self->arrays[slot];
    SlotBuffer *buffer = PyObject_New(SlotBuffer, &SlotBuffer_Type);
    if (!buffer) return NULL;
    const lkas_header *header = segment->header;
    buffer->segment = lkas_retain(segment);
    buffer->data = lkas_slot_bulk(segment, slot);
    buffer->size = (Py_ssize_t)header->bulk_bytes;
    buffer->is_readonly = !self->is_writer;
    self->arrays[slot] = PyObject_CallFunction(ndarray_type, "(III)sO", header->height, header->width, header->channels,
                                               "uint8", buffer);
    Py_DECREF(buffer);
    return self->arrays[slot];
}

static void copy_bytes(void *to, const void *from, size_t size) {
    if (size < COPY_WITHOUT_GIL_BYTES) {
        memcpy(to, from, size);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    memcpy(to, from, size);
    Py_END_ALLOW_THREADS
}

/* ------------------------------------------------------------------ Channel */

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
    if (spec.has_image && import_numpy()) return -1;
    if (strlen(path) >= LKAS_PATH_BYTES) {
        PyErr_Format(PyExc_ValueError, "%s: the path is longer than %d bytes", path, LKAS_PATH_BYTES - 1);
        return -1;
    }
    if (!self->is_writer) {
        lkas_reader_init(&self->reader, path, &spec);
        self->reader.spin_ns = spin_ns;
    } else if (lkas_open(&self->writer, path, &spec, &error)) {
        raise_core(&error);
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

/* ------------------------------------------------------------------ Channel: writing */

static PyObject *written(Channel *self, const void *record, lkas_error *error) {
    if (lkas_claim(&self->writer, error) < 0) {
        if (error->code == LKAS_E_FULL) Py_RETURN_FALSE;
        return raise_core(error);
    }
    lkas_publish(&self->writer, record);
    Py_RETURN_TRUE;
}

static PyObject *Channel_write_values(Channel *self, PyObject *const *values, Py_ssize_t count) {
    alignas(8) char record[RECORD_MAX_BYTES];
    lkas_error error;
    if (check_role(self, 1) || record_pack_values(self->record, record, values, count)) return NULL;
    return written(self, record, &error);
}

static PyObject *Channel_write_message(Channel *self, PyObject *message) {
    alignas(8) char record[RECORD_MAX_BYTES];
    lkas_error error;
    if (check_role(self, 1)) return NULL;
    if (!PyObject_TypeCheck(message, self->record->type)) {
        PyErr_Format(record_error, "%s: this channel carries %s, not %s", self->writer.path, self->record->name,
                     Py_TYPE(message)->tp_name);
        return NULL;
    }
    if (record_pack(self->record, record, message)) return NULL;
    return written(self, record, &error);
}

/* Copy an image of any strides once; contiguous rows and contiguous images as blocks. */
static void copy_image(char *to, const Py_buffer *from) {
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

static int get_image(const Channel *self, PyObject *image, Py_buffer *view) {
    const lkas_header *header = self->writer.segment->header;
    if (PyObject_GetBuffer(image, view, PyBUF_STRIDED_RO | PyBUF_FORMAT)) {
        PyErr_Clear();
        PyErr_Format(record_error, "%s: expected an image array (%u, %u, %u) of uint8, found %s",
                     self->writer.path, header->height, header->width, header->channels, Py_TYPE(image)->tp_name);
        return -1;
    }
    if (view->ndim == 3 && view->shape[0] == header->height && view->shape[1] == header->width &&
        view->shape[2] == header->channels && view->format && !strcmp(view->format, "B"))
        return 0;
    PyObject *shape = PyObject_GetAttrString(image, "shape"), *dtype = PyObject_GetAttrString(image, "dtype");
    PyErr_Clear();
    PyErr_Format(record_error, "%s: expected an image of shape (%u, %u, %u) and uint8, found %S and %S",
                 self->writer.path, header->height, header->width, header->channels, shape ? shape : Py_None,
                 dtype ? dtype : Py_None);
    Py_XDECREF(shape);
    Py_XDECREF(dtype);
    PyBuffer_Release(view);
    return -1;
}

/* write_image(image, *values) */
static PyObject *Channel_write_image(Channel *self, PyObject *const *values, Py_ssize_t count) {
    alignas(8) char record[RECORD_MAX_BYTES];
    lkas_error error;
    Py_buffer view;
    if (check_role(self, 1) || count < 1 || record_pack_values(self->record, record, values + 1, count - 1)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "an image is missing");
        return NULL;
    }
    if (lkas__check_writer(&self->writer, &error)) return raise_core(&error);
    if (get_image(self, values[0], &view)) return NULL;
    if (lkas_claim(&self->writer, &error) < 0) {
        PyBuffer_Release(&view);
        if (error.code == LKAS_E_FULL) Py_RETURN_FALSE;
        return raise_core(&error);
    }
    lkas_segment *segment = lkas_retain(self->writer.segment);
    char *to = lkas_claimed_bulk(&self->writer);
    if (view.len < COPY_WITHOUT_GIL_BYTES) {
        copy_image(to, &view);
    } else {
        Py_BEGIN_ALLOW_THREADS
        copy_image(to, &view);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&view);
    lkas_release(segment);
    if (lkas__check_writer(&self->writer, &error)) return raise_core(&error); /* closed by another thread meanwhile */
    lkas_publish(&self->writer, record);
    Py_RETURN_TRUE;
}

static PyObject *Channel_unlink(Channel *self, PyObject *unused) {
    lkas_error error;
    if (!self->record || !self->is_writer) Py_RETURN_NONE; /* a reader owns nothing */
    if (lkas_unlink(&self->writer, &error) < 0) return raise_core(&error);
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------ Loan */

typedef struct {
    PyObject_VAR_HEAD
    Channel *channel;
    PyObject *array; /* while the loan is open */
    char record[];   /* the fields given, packed */
} Loan;

static PyTypeObject Loan_Type;

/* loan_values(*values) */
static PyObject *Channel_loan(Channel *self, PyObject *const *values, Py_ssize_t count) {
    if (check_role(self, 1)) return NULL;
    Loan *loan = PyObject_NewVar(Loan, &Loan_Type, self->record->size);
    if (!loan) return NULL;
    loan->channel = (Channel *)Py_NewRef(self);
    loan->array = NULL;
    if (record_pack_values(self->record, loan->record, values, count)) Py_CLEAR(loan);
    return (PyObject *)loan;
}

static PyObject *Loan_enter(Loan *self, PyObject *unused) {
    lkas_error error;
    lkas_writer *writer = &self->channel->writer;
    int slot = lkas_claim(writer, &error); /* refused while this or another loan is open */
    if (slot < 0) return raise_core(&error);
    PyObject *array = slot_array(self->channel, writer->segment, (uint32_t)slot);
    if (!array) {
        lkas_abandon(writer);
        return NULL;
    }
    set_writeable(array, 1);
    self->array = Py_NewRef(array);
    return Py_NewRef(array);
}

/* Published when the block ends well; the array turns read-only, because the slot now belongs to the readers. */
static PyObject *Loan_exit(Loan *self, PyObject *const *args, Py_ssize_t count) {
    lkas_writer *writer = &self->channel->writer;
    lkas_error error;
    if (!self->array) Py_RETURN_FALSE;
    set_writeable(self->array, 0);
    Py_CLEAR(self->array);
    if (count > 0 && args[0] != Py_None) {
        lkas_abandon(writer);
        Py_RETURN_FALSE;
    }
    if (lkas__check_writer(writer, &error)) return raise_core(&error);
    lkas_publish(writer, self->record);
    Py_RETURN_FALSE;
}

static void Loan_dealloc(Loan *self) {
    if (self->array) {
        if (self->channel->is_ready) lkas_abandon(&self->channel->writer);
        Py_CLEAR(self->array);
    }
    Py_XDECREF(self->channel);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef Loan_methods[] = {
    {"__enter__", (PyCFunction)Loan_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))Loan_exit, METH_FASTCALL, NULL},
    {NULL},
};

static PyTypeObject Loan_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory._core.Loan",
    .tp_basicsize = sizeof(Loan),
    .tp_itemsize = 1,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)Loan_dealloc,
    .tp_methods = Loan_methods,
    .tp_doc = "A slot lent to be drawn into.",
};

/* ------------------------------------------------------------------ Channel: reading */

static PyObject *view_message(Channel *self, const lkas_view *view, PyObject *array) {
    alignas(8) char record[RECORD_MAX_BYTES];
    lkas_view_record(view, record);
    return record_unpack(self->record, record, array);
}

/* Whether only `self` still knows this copy, and it is as it was made. Slices of it would hold a reference. */
static int is_free(const Channel *self, PyObject *copy, const lkas_header *header) {
    if (!copy || Py_REFCNT(copy) != 1 || ((Array *)copy)->weak_references) return 0;
    Py_buffer view;
    if (PyObject_GetBuffer(copy, &view, PyBUF_CONTIG | PyBUF_FORMAT)) {
        PyErr_Clear(); /* made read-only or reshaped by whoever had it */
        return 0;
    }
    const int is_whole = view.ndim == 3 && view.shape[0] == header->height && view.shape[1] == header->width &&
                         view.shape[2] == header->channels && !strcmp(view.format, "B");
    PyBuffer_Release(&view);
    return is_whole;
}

/* An array to copy a frame into. One that its reader has let go of is taken again: it is in the cache and its pages
 * are there, while fresh memory of this size would be asked of the kernel and given back for each frame. */
static PyObject *copy_array(Channel *self, const lkas_header *header) {
    for (int i = 0; i < COPIES_KEPT; ++i)
        if (is_free(self, self->copies[i], header)) return Py_NewRef(self->copies[i]);
    PyObject *array = PyObject_CallFunction(ndarray_type, "(III)s", header->height, header->width, header->channels,
                                            "uint8");
    if (!array) return NULL;
    self->newest_copy = (self->newest_copy + 1) % COPIES_KEPT;
    Py_XSETREF(self->copies[self->newest_copy], Py_NewRef(array));
    return array;
}

/* A copied image; the slot is pinned while it is copied. */
static PyObject *receive_image(Channel *self, int only_new, lkas_error *error) {
    lkas_view view;
    int result = lkas_view_begin(&self->reader, only_new, &view, error);
    if (result < 0) return raise_core(error);
    if (result == 0) Py_RETURN_NONE;
    const lkas_header *header = view.segment->header;
    PyObject *message = NULL;
    PyObject *array = copy_array(self, header);
    if (array) {
        copy_bytes(((Array *)array)->data, lkas_view_bulk(&view), header->bulk_bytes);
        message = view_message(self, &view, array);
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
    if (result < 0) return raise_core(&error);
    if (result == 0) Py_RETURN_NONE;
    return record_unpack(self->record, record, NULL);
}

static int64_t end_of(double timeout_s) {
    return lkas_now_ns() + (timeout_s > 0 ? (int64_t)(fmin(timeout_s, LONGEST_WAIT_S) * 1e9) : 0);
}

/* Sleep until one of the readers has something new: 1, 0 when the time is over or one was closed, -1 an exception. */
static int wait_for_news(Channel *const *channels, int count, int64_t until_ns) {
    lkas_error error;
    lkas_awaited awaited[LKAS_READERS];
    int has_spun = 0;
    for (;;) {
        int64_t slice_ns = until_ns - lkas_now_ns();
        for (int i = 0; i < count; ++i) {
            lkas_reader *reader = &channels[i]->reader;
            if (lkas_follow(reader, &error)) {
                raise_core(&error);
                return -1;
            }
            if (lkas_has_new(reader)) return 1;
            if (lkas_slice_ns(reader) < slice_ns) slice_ns = lkas_slice_ns(reader);
        }
        if (slice_ns <= 0) return 0;
        for (int i = 0; i < count; ++i) {
            lkas_reader *reader = &channels[i]->reader;
            awaited[i].segment = reader->segment ? lkas_retain(reader->segment) : NULL;
            awaited[i].last = reader->last;
            awaited[i].is_closed = &reader->is_closed;
        }
        Py_BEGIN_ALLOW_THREADS
        if (has_spun || count > 1 || !lkas_spin(awaited[0].segment, awaited[0].last, channels[0]->reader.spin_ns))
            lkas_wait_slice(awaited, count, slice_ns);
        Py_END_ALLOW_THREADS
        has_spun = 1;
        for (int i = 0; i < count; ++i) lkas_release(awaited[i].segment);
        if (PyErr_CheckSignals()) return -1;
        for (int i = 0; i < count; ++i)
            if (lkas__load(&channels[i]->reader.is_closed, acquire)) return 0;
    }
}

/* One optional number, by position or as `timeout`. */
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
    const int64_t until_ns = end_of(timeout_s);
    while (message == Py_None) { /* more than once when what came failed its CRC */
        const int news = wait_for_news(&self, 1, until_ns);
        if (news == 0) break;
        Py_DECREF(message);
        message = news == 1 ? receive(self, 1) : NULL;
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
    view->view.segment = NULL;
    return (PyObject *)view;
}

static PyObject *View_enter(View *self, PyObject *unused) {
    Channel *channel = self->channel;
    lkas_error error;
    if (self->view.segment) {
        PyErr_SetString(shm_error, "this view is already open");
        return NULL;
    }
    int result = lkas_view_begin(&channel->reader, 1, &self->view, &error);
    const int64_t until_ns = result == 0 && self->timeout_s > 0 ? end_of(self->timeout_s) : 0;
    while (result == 0 && self->timeout_s > 0) {
        const int news = wait_for_news(&channel, 1, until_ns);
        if (news < 0) return NULL;
        if (news == 0) break;
        result = lkas_view_begin(&channel->reader, 1, &self->view, &error);
    }
    if (result < 0) return raise_core(&error);
    if (result == 0) Py_RETURN_NONE;
    PyObject *array = slot_array(channel, self->view.segment, self->view.slot);
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

/* ------------------------------------------------------------------ Channel: state */

static PyObject *Channel_attach(Channel *self, PyObject *unused) {
    lkas_error error;
    if (check_role(self, 0)) return NULL;
    if (lkas_follow(&self->reader, &error)) return raise_core(&error);
    return PyBool_FromLong(self->reader.segment != NULL);
}

/* (generation, sequence, drops, missed, restarts, corrupt, writer_pid or None), or None when not attached.
 * `corrupt`: as found by this reader; the writer is told what all readers found. */
static PyObject *Channel_state(Channel *self, PyObject *unused) {
    const lkas_segment *segment = self->is_writer ? self->writer.segment : self->reader.segment;
    const unsigned forks = self->is_writer ? self->writer.forks : self->reader.forks;
    if (!segment || segment->fd < 0 || forks != lkas__forks) Py_RETURN_NONE;
    lkas_header *header = segment->header;
    int has_writer = self->is_writer || lkas__first_locked(segment->fd, 0, 1) >= 0;
    PyObject *pid = has_writer ? PyLong_FromUnsignedLong(lkas__load(&header->writer_pid, relaxed)) : Py_NewRef(Py_None);
    const uint64_t corrupt = self->is_writer ? lkas__load(&header->corrupt, relaxed) : self->reader.corrupt;
    return Py_BuildValue("IKKKIKN", lkas__load(&header->generation, relaxed),
                         (unsigned long long)(lkas__load(&header->latest, relaxed) >> 8),
                         (unsigned long long)lkas__load(&header->drops, relaxed),
                         (unsigned long long)self->reader.missed, self->reader.restarts, (unsigned long long)corrupt,
                         pid);
}

static PyObject *Channel_shape(Channel *self, void *unused) {
    const lkas_segment *segment = self->is_writer ? self->writer.segment : self->reader.segment;
    if (!segment || !self->record->has_image) Py_RETURN_NONE;
    return Py_BuildValue("III", segment->header->height, segment->header->width, segment->header->channels);
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
     "one copy of the pixels, into memory that an earlier frame was let go of. SHMSchemaError when the segment holds another message, SHMError after\n"
     "close() or a fork, or when all 64 reader places are taken."},
    {"latest", (PyCFunction)Channel_latest, METH_NOARGS,
     "latest($self, /)\n--\n\nThe newest message, read before or not, or None.\n\n"
     "Does not count as reading it. Costs and errors as read()."},
    {"_view", FAST(Channel_view), METH_FASTCALL | METH_KEYWORDS,
     "_view($self, /, timeout=0.0)\n--\n\nA context manager that gives the newest unread message, its image read-only "
     "and without a copy, or None.\n\n"
     "`timeout` (s): sleep so long for one. The slot stays pinned until the block ends; keep no array of it longer. Two\n"
     "views at a time per reader, a third is an SHMError. Costs well under a microsecond."},
    {"close", (PyCFunction)Channel_close, METH_NOARGS,
     "close($self, /)\n--\n\nLet go of the segment and end waits of other threads; arrays over it stay readable.\n\n"
     "May be called twice, and from another thread."},
    {"unlink", (PyCFunction)Channel_unlink, METH_NOARGS,
     "unlink($self, /)\n--\n\nRemove the writer's segment, before or after close(). Does nothing for a reader.\n\n"
     "Its readers are woken and look for the next one. SHMError without permission."},
    {"__enter__", (PyCFunction)Channel_self, METH_NOARGS, NULL},
    {"__exit__", FAST(Channel_exit), METH_FASTCALL, NULL},
    {"_write_values", FAST(Channel_write_values), METH_FASTCALL, NULL},
    {"_write_message", (PyCFunction)Channel_write_message, METH_O,
     "_write_message($self, message, /)\n--\n\nPublish a whole message, its publish_ns and sequence set by the channel.\n\n"
     "False: dropped and counted, for want of a free slot. SHMSerializationError names a bad field. Costs less than a\n"
     "microsecond, more for nested messages."},
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
    if (wait_for_news(channels, count, end_of(timeout_s)) < 0 || !(ready = PyList_New(0))) goto done;
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
    if (removed < 0) return raise_core(&error);
    return PyBool_FromLong(removed);
}

static PyMethodDef core_methods[] = {
    {"wait_any", core_wait_any, METH_VARARGS,
     "wait_any($module, channels, timeout, /)\n--\n\nSleep until one of the channels has something new, at most "
     "`timeout` seconds: those that have."},
    {"inspect", core_inspect, METH_VARARGS, "A dict of what stands in a segment, or None; disturbs nobody."},
    {"remove_idle", core_remove_idle, METH_VARARGS, "Remove a segment without writer and readers: whether it was."},
    {NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "lkas.integration.shared_memory._core",
    .m_doc = "The shared-memory channels of lkas_channel.h.",
    .m_size = -1,
    .m_methods = core_methods,
};

static int import_errors(void) {
    PyObject *errors = PyImport_ImportModule("lkas.integration.shared_memory.errors");
    if (!errors) return -1;
    shm_error = PyObject_GetAttrString(errors, "SHMError");
    buffer_full_error = PyObject_GetAttrString(errors, "SHMBufferFullError");
    record_error = PyObject_GetAttrString(errors, "SHMSerializationError");
    schema_error = PyObject_GetAttrString(errors, "SHMSchemaError");
    writer_exists_error = PyObject_GetAttrString(errors, "SHMWriterExistsError");
    Py_DECREF(errors);
    return PyErr_Occurred() ? -1 : 0;
}

PyMODINIT_FUNC PyInit__core(void) {
    PyTypeObject *types[] = {&Record_Type, &SlotBuffer_Type, &Loan_Type, &View_Type, &Channel_Type, &MessageCall_Type};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); ++i)
        if (PyType_Ready(types[i])) return NULL;
    if (import_errors()) return NULL;
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
