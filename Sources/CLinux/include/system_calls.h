// Calls that the Swift importer cannot take, or that need _GNU_SOURCE. Each returns its result, or
// -errno at once, so that nothing can overwrite errno in between.
#pragma once
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin
int clinux_open(const char *path, int flags);
int clinux_close(int fd);
int clinux_ioctl_pointer(int fd, unsigned long request, void *_Nullable argument);
int clinux_ioctl_value(int fd, unsigned long request, unsigned long argument);
int64_t clinux_pread(int fd, void *buffer, size_t count, int64_t offset);
int64_t clinux_pwrite(int fd, const void *buffer, size_t count, int64_t offset);
int64_t clinux_read(int fd, void *buffer, size_t count);
int64_t clinux_write(int fd, const void *buffer, size_t count);
/// Maps at an address that the kernel chooses, aligned to `alignment` (a power of two, or 0).
int clinux_mmap(int fd, size_t length, int protection, int flags, int64_t offset, size_t alignment,
                void *_Nullable *_Nonnull out);
/// Puts another mapping in the place of one that exists, at once (MAP_FIXED).
int clinux_map_over(void *address, size_t length, int protection, int flags, int fd, int64_t offset);
int clinux_munmap(void *address, size_t length);
int clinux_eventfd(unsigned int initial, int flags);
/// Two nonblocking descriptors, of which `near` reads what is written to `far`; with `both_ways` they
/// are sockets, and `near` can be written too.
int clinux_pair(int both_ways, int *near, int *far);
int clinux_memfd_create(const char *name, uint64_t size);
int clinux_dup(int fd);
/// The device number of a character device, or 0 for any other existing file; -errno when absent.
int clinux_stat(const char *path, uint64_t *device, int64_t *size);
int clinux_fstat_device(int fd, uint64_t *device);
int clinux_readlink(const char *path, char *buffer, size_t count);
uint32_t clinux_major(uint64_t device);
uint32_t clinux_minor(uint64_t device);
uint64_t clinux_makedev(uint32_t major, uint32_t minor);
/// Copies between this process's memory and a user address that may be bad: -EFAULT instead of a signal.
int clinux_copy_from_user(void *destination, uint64_t source, size_t count);
int clinux_copy_to_user(uint64_t destination, const void *source, size_t count);
/// O_RDWR | O_CLOEXEC, as `VFIO_DEVICE_FEATURE_DMA_BUF` takes them.
uint32_t clinux_dma_buf_open_flags(void);
/// A part of this process's address space with one protection; `end` is past its last byte.
struct clinux_area {
  uint64_t start, end;
  int is_readable, is_writable;
};
/// Finds the area that holds an address, or the next one above it, by a descriptor of /proc/self/maps:
/// -ENOENT when there is none, -ENOTTY before Linux 6.11.
int clinux_find_area(int maps, uint64_t address, struct clinux_area *area);
/// Takes the capabilities of a mask out of the calling thread's effective set, or puts those that it
/// is permitted back (capset(2)).
int clinux_change_effective_capabilities(uint64_t mask, int add);
/// Opens a file for memory, made when it is absent, or a nameless one in a directory; tells the size of
/// its pages.
int clinux_open_backing(const char *path, uint64_t *page_size);
/// Makes an empty file this long; -EFBIG for one that is too short and not empty.
int clinux_grow_file(int fd, uint64_t size);
/// Gives memory its pages now; -ENOMEM and others where the host has not enough.
int clinux_populate(void *address, size_t length);
/// Asks for transparent huge pages.
void clinux_prefer_huge_pages(void *address, size_t length);
/// Starts a thread with a name of at most 15 bytes that takes no signal of the program but the kick.
int clinux_start_thread(const char *name, void *_Nullable (*_Nonnull body)(void *_Nullable),
                        void *_Nullable argument, uintptr_t *out);
/// Makes a thread that was started so leave a call that it is blocked in, with EINTR.
void clinux_kick_thread(uintptr_t thread);
/// Waits for the end of a thread; once for each.
void clinux_join_thread(uintptr_t thread);
/// Wall-clock time since the epoch in microseconds.
int clinux_fork(void);

int64_t clinux_wall_clock_microseconds(void);
/// Monotonic time in nanoseconds.
int64_t clinux_monotonic_nanoseconds(void);
/// Reads from a stream socket without waiting, and takes over at most `capacity` descriptors that come with
/// the bytes; `is_cut` tells that there were more, which are closed.
int64_t clinux_receive(int socket, void *buffer, size_t count, int *descriptors, int capacity,
                       int *received, int *is_cut);
/// Writes to a stream socket without waiting or SIGPIPE; up to 16 descriptors go with the first byte.
int64_t clinux_send(int socket, const void *buffer, size_t count, const int *_Nullable descriptors,
                    int number);
/// Keeps SIGINT, SIGTERM and SIGHUP from ending the program; gives a descriptor that is readable once one
/// has come.
int clinux_end_signals(void);
#pragma clang assume_nonnull end

/// Reads and writes of 1, 2, 4 or 8 bytes that the compiler neither splits, joins nor drops.
static inline uint64_t clinux_volatile_read(const volatile void *_Nonnull address, unsigned size) {
  switch (size) {
  case 1: return *(const volatile uint8_t *)address;
  case 2: return *(const volatile uint16_t *)address;
  case 4: return *(const volatile uint32_t *)address;
  default: return *(const volatile uint64_t *)address;
  }
}
static inline void clinux_volatile_write(volatile void *_Nonnull address, unsigned size, uint64_t value) {
  switch (size) {
  case 1: *(volatile uint8_t *)address = (uint8_t)value; break;
  case 2: *(volatile uint16_t *)address = (uint16_t)value; break;
  case 4: *(volatile uint32_t *)address = (uint32_t)value; break;
  default: *(volatile uint64_t *)address = value; break;
  }
}
