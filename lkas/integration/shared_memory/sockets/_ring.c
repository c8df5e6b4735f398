/* The module _ring: CPython over lkas_ring.h. Which message goes where is decided in Python.
 *
 * The core is called under the GIL, except for sleeping, for waiting until another sender's turn ends and for copies of
 * COPY_WITHOUT_GIL_BYTES and more; those hold their own reference to the mapping, so that close() in another thread is
 * safe.
 */
#include "_inbox.h"
#include "_outlets.h"

static struct PyModuleDef ring_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "lkas.integration.shared_memory.sockets._ring",
    .m_doc = "The inboxes of lkas_ring.h.",
    .m_size = -1,
};

static int load_errors(void) {
    if (load_shared_errors()) return -1;
    connection_error = load_error("SHMConnectionError");
    return connection_error ? 0 : -1;
}

PyMODINIT_FUNC PyInit__ring(void) {
    PyTypeObject *types[] = {&Bell_Type, &Lent_Type, &Inbox_Type, &Outlet_Type, &Outlets_Type};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); ++i)
        if (PyType_Ready(types[i])) return NULL;
    if (load_errors()) return NULL;
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

