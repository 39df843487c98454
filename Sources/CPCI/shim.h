#include <pci/pci.h>
#include <setjmp.h>
#include <string.h>

/* What Swift cannot do itself: libpci's error callback must not return, and its look-up takes a
   variable number of arguments. */

static inline jmp_buf *cpci_failure(void) {
  static __thread jmp_buf failure;
  return &failure;
}

__attribute__((noreturn)) static inline void cpci_fail(char *message, ...) {
  (void)message;
  longjmp(*cpci_failure(), 1);
}

static inline void cpci_ignore(char *message, ...) { (void)message; }

/* Reads the list of names at a path, or the host's for 0; 0 when it is not there or malformed.
   Opens no device and asks neither network nor cache. To be given back by pci_cleanup(). */
static inline struct pci_access *cpci_load_names(const char *path) {
  struct pci_access *access = pci_alloc();
  access->error = cpci_fail;
  access->warning = cpci_ignore;
  access->debug = cpci_ignore;
  access->id_lookup_mode = 0;
  if (path)
    pci_set_name_list_path(access, strdup(path), 1);
  if (setjmp(*cpci_failure()) == 0 && pci_load_name_list(access))
    return access;
  pci_cleanup(access);
  return 0;
}

/* The names of vendor and device and their numbers as text, cut off at `size`; what the list does
   not know is a number only. */
static inline char *cpci_function_name(struct pci_access *access, char *text, int size, int vendor,
                                       int device) {
  return pci_lookup_name(access, text, size,
                         PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_MIXED |
                             PCI_LOOKUP_NO_HWDB,
                         vendor, device);
}
