#include "CLinux.h"
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int clinux_open(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0644);
  return fd < 0 ? -errno : fd;
}

int clinux_close(int fd) { return close(fd) < 0 ? -errno : 0; }

int clinux_ioctl_pointer(int fd, unsigned long request, void *argument) {
  int result = ioctl(fd, request, argument);
  return result < 0 ? -errno : result;
}

int clinux_ioctl_value(int fd, unsigned long request, unsigned long argument) {
  int result = ioctl(fd, request, argument);
  return result < 0 ? -errno : result;
}

int64_t clinux_pread(int fd, void *buffer, size_t count, int64_t offset) {
  ssize_t result = pread(fd, buffer, count, offset);
  return result < 0 ? -errno : result;
}

int64_t clinux_pwrite(int fd, const void *buffer, size_t count, int64_t offset) {
  ssize_t result = pwrite(fd, buffer, count, offset);
  return result < 0 ? -errno : result;
}

int64_t clinux_read(int fd, void *buffer, size_t count) {
  ssize_t result = read(fd, buffer, count);
  return result < 0 ? -errno : result;
}

int64_t clinux_write(int fd, const void *buffer, size_t count) {
  ssize_t result = write(fd, buffer, count);
  return result < 0 ? -errno : result;
}

int clinux_mmap(int fd, size_t length, int protection, int flags, int64_t offset, size_t alignment,
                void **out) {
  if (alignment <= 4096) {
    void *address = mmap(NULL, length, protection, flags, fd, offset);
    if (address == MAP_FAILED)
      return -errno;
    *out = address;
    return 0;
  }
  // Reserve enough to hold an aligned run, map over it, give the ends back.
  uint8_t *reserved =
      mmap(NULL, length + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    return -errno;
  uint8_t *aligned = (uint8_t *)(((uintptr_t)reserved + alignment - 1) & ~(alignment - 1));
  void *address = mmap(aligned, length, protection, flags | MAP_FIXED, fd, offset);
  int error = errno;
  if (address == MAP_FAILED) {
    munmap(reserved, length + alignment);
    return -error;
  }
  size_t head = (size_t)(aligned - reserved);
  size_t covered = (length + 4095) & ~(size_t)4095;
  if (head > 0)
    munmap(reserved, head);
  if (alignment > head + (covered - length))
    munmap(aligned + covered, alignment - head - (covered - length));
  *out = address;
  return 0;
}

int clinux_map_over(void *address, size_t length, int protection, int flags, int fd, int64_t offset) {
  return mmap(address, length, protection, flags | MAP_FIXED, fd, offset) == MAP_FAILED ? -errno : 0;
}

int clinux_munmap(void *address, size_t length) { return munmap(address, length) < 0 ? -errno : 0; }

int clinux_eventfd(unsigned int initial, int flags) {
  int fd = eventfd(initial, flags | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int clinux_pair(int both_ways, int *near, int *far) {
  int ends[2];
  int result = both_ways ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends)
                         : pipe2(ends, O_CLOEXEC | O_NONBLOCK);
  if (result < 0) return -errno;
  *near = ends[0];
  *far = ends[1];
  return 0;
}

int clinux_memfd_create(const char *name, uint64_t size) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  if (ftruncate(fd, (off_t)size) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int clinux_dup(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? -errno : copy;
}

int clinux_stat(const char *path, uint64_t *device, int64_t *size) {
  struct stat status;
  if (stat(path, &status) < 0)
    return -errno;
  *device = S_ISCHR(status.st_mode) ? status.st_rdev : 0;
  *size = S_ISREG(status.st_mode) ? status.st_size : -1;
  return 0;
}

int clinux_fstat_device(int fd, uint64_t *device) {
  struct stat status;
  if (fstat(fd, &status) < 0)
    return -errno;
  *device = S_ISCHR(status.st_mode) ? status.st_rdev : 0;
  return 0;
}

int clinux_readlink(const char *path, char *buffer, size_t count) {
  ssize_t length = readlink(path, buffer, count);
  return length < 0 ? -errno : (int)length;
}

uint32_t clinux_major(uint64_t device) { return major(device); }
uint32_t clinux_minor(uint64_t device) { return minor(device); }
uint64_t clinux_makedev(uint32_t high, uint32_t low) { return makedev(high, low); }

static int copy_within(uint64_t local, uint64_t remote, size_t count, int write) {
  if (count == 0)
    return 0;
  struct iovec here = {(void *)(uintptr_t)local, count};
  struct iovec there = {(void *)(uintptr_t)remote, count};
  ssize_t done = write ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
                       : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
  return done == (ssize_t)count ? 0 : -EFAULT;
}

int clinux_copy_from_user(void *destination, uint64_t source, size_t count) {
  return copy_within((uint64_t)(uintptr_t)destination, source, count, 0);
}

int clinux_copy_to_user(uint64_t destination, const void *source, size_t count) {
  return copy_within((uint64_t)(uintptr_t)source, destination, count, 1);
}

uint32_t clinux_dma_buf_open_flags(void) { return O_RDWR | O_CLOEXEC; }

// PROCMAP_QUERY of linux/fs.h, which headers before 6.11 lack.
struct area_query {
  uint64_t size, query_flags, query_addr;
  uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
  uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
  uint64_t vma_name_addr, build_id_addr;
};
_Static_assert(sizeof(struct area_query) == 104, "PROCMAP_QUERY");

int clinux_find_area(int maps, uint64_t address, struct clinux_area *area) {
  enum { readable = 1, writable = 2, covering_or_next = 0x10 };
  struct area_query query = {
      .size = sizeof query, .query_flags = covering_or_next, .query_addr = address};
  if (ioctl(maps, _IOWR('f', 17, struct area_query), &query) < 0) return -errno;
  *area = (struct clinux_area){query.vma_start, query.vma_end,
                               (query.vma_flags & readable) != 0,
                               (query.vma_flags & writable) != 0};
  return 0;
}

int clinux_change_effective_capabilities(uint64_t mask, int add) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  if (syscall(SYS_capget, &header, sets) < 0) return -errno;
  for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
    uint32_t part = (uint32_t)(mask >> (32 * word));
    if (add) {
      sets[word].effective |= part & sets[word].permitted;
    } else {
      sets[word].effective &= ~part;
    }
  }
  return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

int clinux_fork(void) {
  pid_t child = fork();
  return child < 0 ? -errno : child;
}

int64_t clinux_wall_clock_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clinux_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void clinux_cpuid(uint32_t leaf, uint32_t index, uint32_t registers[4]) {
  __cpuid_count(leaf, index, registers[0], registers[1], registers[2], registers[3]);
}

// The signal that makes a thread leave a blocking call; its handler does nothing.
static void leave_call(int signal) { (void)signal; }

int clinux_start_thread(const char *name, void *(*body)(void *), void *argument, uintptr_t *out) {
  struct sigaction action = {.sa_handler = leave_call};
  if (sigaction(SIGRTMIN, &action, NULL) < 0) return -errno;
  // The thread inherits the mask: signals of the program are for the main loop's thread.
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, SIGRTMIN);
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGILL);
  sigdelset(&all, SIGFPE);
  sigdelset(&all, SIGTRAP);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  int error = pthread_create(&thread, NULL, body, argument);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (error != 0) return -error;
  pthread_setname_np(thread, name);
  *out = (uintptr_t)thread;
  return 0;
}

void clinux_kick_thread(uintptr_t thread) { pthread_kill((pthread_t)thread, SIGRTMIN); }

void clinux_join_thread(uintptr_t thread) { pthread_join((pthread_t)thread, NULL); }

int clinux_open_backing(const char *path, uint64_t *page_size) {
  struct stat status;
  int fd;
  if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
    char name[4096];
    int length = snprintf(name, sizeof name, "%s/guest-ram.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof name) return -ENAMETOOLONG;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0) unlink(name);
  } else {
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  }
  if (fd < 0) return -errno;
  struct statfs file_system;
  if (fstatfs(fd, &file_system) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  // Only a file system of huge pages has blocks that matter to memory.
  enum { hugetlbfs = 0x958458f6 };
  *page_size = (uint32_t)file_system.f_type == hugetlbfs ? (uint64_t)file_system.f_bsize : 4096;
  return fd;
}

int clinux_grow_file(int fd, uint64_t size) {
  struct stat status;
  if (fstat(fd, &status) < 0) return -errno;
  if ((uint64_t)status.st_size >= size) return 0;
  if (status.st_size != 0) return -EFBIG;
  return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

int clinux_populate(void *address, size_t length) {
  // MADV_POPULATE_WRITE, which headers before 5.14 lack: an error where a write would be a signal.
  return madvise(address, length, 23) < 0 ? -errno : 0;
}

void clinux_prefer_huge_pages(void *address, size_t length) {
  madvise(address, length, MADV_HUGEPAGE);
}

int64_t clinux_receive(int socket, void *buffer, size_t count, int *descriptors, int capacity,
                       int *received, int *is_cut) {
  // Linux passes at most 253 descriptors with one message (SCM_MAX_FD).
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(253 * sizeof(int))];
  } control;
  struct iovec place = {buffer, count};
  struct msghdr message = {.msg_iov = &place,
                           .msg_iovlen = 1,
                           .msg_control = control.space,
                           .msg_controllen = sizeof control.space};
  *received = 0;
  *is_cut = 0;
  ssize_t result = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (result < 0) return -errno;
  *is_cut = (message.msg_flags & MSG_CTRUNC) != 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t number = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < number; index++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(part) + index * sizeof(int), sizeof(int));
      if (*received < capacity) {
        descriptors[(*received)++] = descriptor;
      } else {
        close(descriptor);
        *is_cut = 1;
      }
    }
  }
  return result;
}

int64_t clinux_send(int socket, const void *buffer, size_t count, const int *descriptors,
                    int number) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(16 * sizeof(int))];
  } control;
  struct iovec place = {(void *)buffer, count};
  struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1};
  if (number > 16) return -EINVAL;
  if (number > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.space;
    message.msg_controllen = CMSG_SPACE((size_t)number * sizeof(int));
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN((size_t)number * sizeof(int));
    memcpy(CMSG_DATA(part), descriptors, (size_t)number * sizeof(int));
  }
  ssize_t result = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return result < 0 ? -errno : result;
}

int clinux_end_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}
