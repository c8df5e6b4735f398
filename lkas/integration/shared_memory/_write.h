/* Writing: whole messages, values, images, and loans of a slot. Included by _core.c only. */
#ifndef CORE_WRITE_H
#define CORE_WRITE_H

#include "_channel.h"

static PyObject *written(Channel *self, const void *record, lkas_error *error) {
    if (lkas_claim(&self->writer, error) < 0) {
        if (error->code == LKAS_E_FULL) Py_RETURN_FALSE;
        return raise_error(error);
    }
    lkas_publish(&self->writer, record);
    if (warn_of_damage(self)) return NULL;
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
        PyErr_Format(serialization_error, "%s: this channel carries %s, not %s", self->writer.path, self->record->name,
                     Py_TYPE(message)->tp_name);
        return NULL;
    }
    if (record_pack(self->record, record, message)) return NULL;
    return written(self, record, &error);
}

static PyObject *Channel_write_image(Channel *self, PyObject *const *values, Py_ssize_t count) {
    alignas(8) char record[RECORD_MAX_BYTES];
    lkas_error error;
    Py_buffer view;
    if (check_role(self, 1) || count < 1 || record_pack_values(self->record, record, values + 1, count - 1)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "an image is missing");
        return NULL;
    }
    if (lkas__check_writer(&self->writer, &error)) return raise_error(&error);
    if (image_get_buffer(values[0], &view, shape_of(&self->writer.channel->facts), self->writer.path, serialization_error))
        return NULL;
    if (lkas_claim(&self->writer, &error) < 0) {
        PyBuffer_Release(&view);
        if (error.code == LKAS_E_FULL) Py_RETURN_FALSE;
        return raise_error(&error);
    }
    lkas_channel *channel = lkas_retain(self->writer.channel);
    char *to = lkas_claimed_bulk(&self->writer);
    if (view.len < COPY_WITHOUT_GIL_BYTES) {
        image_copy(to, &view);
    } else {
        Py_BEGIN_ALLOW_THREADS
        image_copy(to, &view);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&view);
    lkas_release(channel);
    if (lkas__check_writer(&self->writer, &error)) return raise_error(&error); /* closed by another thread meanwhile */
    lkas_publish(&self->writer, record);
    if (warn_of_damage(self)) return NULL;
    Py_RETURN_TRUE;
}

static PyObject *Channel_unlink(Channel *self, PyObject *unused) {
    lkas_error error;
    if (!self->record || !self->is_writer) Py_RETURN_NONE; /* a reader owns no file */
    if (lkas_unlink(&self->writer, &error) < 0) return raise_error(&error);
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------ Loan */

typedef struct {
    PyObject_VAR_HEAD
    Channel *channel;
    PyObject *array; /* while the loan is open */
    char record[];   /* the packed fields */
} Loan;

static PyTypeObject Loan_Type;

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
    int slot = lkas_claim(writer, &error); /* an error while this or another loan is open */
    if (slot < 0) return raise_error(&error);
    PyObject *array = slot_array(self->channel, writer->channel, (uint32_t)slot);
    if (!array) {
        lkas_abandon(writer);
        return NULL;
    }
    image_set_writeable(array, 1);
    self->array = Py_NewRef(array);
    return Py_NewRef(array);
}

/* Published when the block ends well; the array turns read-only, because the slot now belongs to the readers. */
static PyObject *Loan_exit(Loan *self, PyObject *const *args, Py_ssize_t count) {
    lkas_writer *writer = &self->channel->writer;
    lkas_error error;
    if (!self->array) Py_RETURN_FALSE;
    image_set_writeable(self->array, 0);
    Py_CLEAR(self->array);
    if (count > 0 && args[0] != Py_None) {
        lkas_abandon(writer);
        Py_RETURN_FALSE;
    }
    if (lkas__check_writer(writer, &error)) return raise_error(&error);
    lkas_publish(writer, self->record);
    if (warn_of_damage(self->channel)) return NULL;
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

#endif
