/* Fails calls at random, for one folder: preloaded into the program by a test.
 *
 * FAULT_UNDER  the folder; calls for files elsewhere go through
 * FAULT_SEED   which calls fail
 * FAULT_RATE   how many of a million fail
 * FAULT_KINDS  any of "write sync open", else all
 * FAULT_LOG    where each fault is noted, and each flush of a file after its flush has failed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static const char *under, *kinds, *log_path;
static unsigned long long state, rate;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char failed[64][PATH_MAX];
static int n_failed;

__attribute__((constructor)) static void begin(void) {
    const char *seed = getenv("FAULT_SEED"), *text = getenv("FAULT_RATE");
    under = getenv("FAULT_UNDER");
    kinds = getenv("FAULT_KINDS");
    log_path = getenv("FAULT_LOG");
    state = seed ? strtoull(seed, NULL, 10) * 2654435761ULL + 88172645463325252ULL : 1;
    rate = text ? strtoull(text, NULL, 10) : 0;
}

static void note(const char *what, const char *path) {
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", what, path);
    int fd = log_path ? syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (fd >= 0) {
        syscall(SYS_write, fd, line, length);
        syscall(SYS_close, fd);
    }
}

static int ours(const char *path) {
    return under && strncmp(path, under, strlen(under)) == 0;
}

static int path_of(int fd, char *path) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return ours(path);
}

static int fails(const char *kind, const char *path) {
    if (!rate || (kinds && *kinds && !strstr(kinds, kind))) return 0;
    pthread_mutex_lock(&lock);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    int hit = (state >> 20) % 1000000 < rate;
    pthread_mutex_unlock(&lock);
    if (hit) note(kind, path);
    return hit;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int flush_fails(int fd) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return 0;
    pthread_mutex_lock(&lock);
    for (int at = 0; at < n_failed; at++)
        if (!strcmp(failed[at], path)) note("retry", path);
    pthread_mutex_unlock(&lock);
    if (!fails("sync", path)) return 0;
    pthread_mutex_lock(&lock);
    if (n_failed < 64) strcpy(failed[n_failed++], path);
    pthread_mutex_unlock(&lock);
    errno = EIO;
    return 1;
}

int fsync(int fd) {
    return flush_fails(fd) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd) {
    return flush_fails(fd) ? -1 : REAL(fdatasync)(fd);
}

static int write_fails(int fd) {
    char path[PATH_MAX];
    if (!path_of(fd, path) || !fails("write", path)) return 0;
    errno = state & 1 ? ENOSPC : EIO;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t n) {
    return write_fails(fd) ? -1 : REAL(write)(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    return write_fails(fd) ? -1 : REAL(pwrite)(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    return write_fails(fd) ? -1 : REAL(pwrite64)(fd, bytes, n, at);
}

int ftruncate(int fd, off_t length) {
    return write_fails(fd) ? -1 : REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return write_fails(fd) ? -1 : REAL(ftruncate64)(fd, length);
}

int rename(const char *from, const char *to) {
    if (ours(to) && fails("write", to)) {
        errno = EIO;
        return -1;
    }
    return REAL(rename)(from, to);
}

static int open_fails(const char *path) {
    char whole[PATH_MAX];
    if (path[0] != '/' && getcwd(whole, sizeof whole)) {
        strncat(whole, "/", sizeof whole - strlen(whole) - 1);
        strncat(whole, path, sizeof whole - strlen(whole) - 1);
        path = whole;
    }
    if (!ours(path) || !fails("open", path)) return 0;
    errno = state & 1 ? EMFILE : EIO;
    return 1;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                     \
        va_end(more);                                                                              \
        return open_fails(path) ? -1 : REAL(name)(path, flags, mode);                              \
    }
OPEN(open)
OPEN(open64)
