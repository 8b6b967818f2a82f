/* A library for LD_PRELOAD that lets one call of the file system fail, and the others through.
 *
 * ATTACK_ROOTS   folders, separated by colons: only calls on what is below them count.
 * ATTACK_LOG     a file that gets a line "CALL PATH" for each such call.
 * ATTACK_FAULT   "CALL PATH NUMBER ERROR HOW" (separated by tabs): the NUMBER-th call (from 1, in whatever process)
 *                fails with the errno ERROR; 0 for a short write. HOW: "once", or "on": from then on every call that
 *                changes something fails so, as on a disk that is full or was made read-only. PATH "*": any.
 * ATTACK_STATE   a file of two integers that the processes share: how many calls there were, whether one failed.
 *
 * Programs that call the kernel by themselves (Go's, zig) are not reached, nor what stdio does inside the C library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SHORT = -1, PASS = 0 };

static const char *roots, *call_wanted, *path_wanted;
static long number_wanted;
static int error_wanted, goes_on, log_file = -1, ready;
static volatile int *shared;

static void setup(void) __attribute__((constructor));

static void setup(void) {
    static char fault[2 * PATH_MAX];
    const char *text = getenv("ATTACK_FAULT"), *state = getenv("ATTACK_STATE"), *log = getenv("ATTACK_LOG");
    if (ready)
        return;
    ready = 1;
    roots = getenv("ATTACK_ROOTS");
    if (log)
        log_file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (log_file >= 0) { /* out of the way of programs that expect low numbers */
        int high = (int)syscall(SYS_fcntl, log_file, F_DUPFD_CLOEXEC, 700);
        syscall(SYS_close, log_file);
        log_file = high;
    }
    if (!text || !state || strlen(text) >= sizeof fault)
        return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, state, O_RDWR | O_CLOEXEC, 0);
    if (file < 0)
        return;
    void *found = mmap(NULL, 2 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (found == MAP_FAILED)
        return;
    strcpy(fault, text);
    char *rest = fault;
    call_wanted = strsep(&rest, "\t");
    path_wanted = strsep(&rest, "\t");
    number_wanted = atol(strsep(&rest, "\t"));
    error_wanted = atoi(strsep(&rest, "\t"));
    goes_on = rest && strcmp(rest, "on") == 0;
    shared = found;
}

/* Names that are made by chance are told as "?". */
static void without_chance(char *path) {
    static const char *const marks[] = {"/tmp_", "/tmp", ".CACHEDIR.TAG.", ".partial-", ".attack-", NULL};
    for (int i = 0; marks[i]; i++) {
        char *found = strstr(path, marks[i]);
        if (!found)
            continue;
        char *from = found + strlen(marks[i]), *end = strchrnul(from, '/');
        if (i == 0) /* git's: tmp_obj_XXXXXX */
            from = memchr(from, '_', (size_t)(end - from));
        else if (i == 1 && end - from != 8) /* Python's tempfile: tmpXXXXXXXX */
            from = NULL;
        if (from && from < end) {
            *from = '?';
            memmove(from + 1, end, strlen(end) + 1);
        }
    }
}

static int is_below(const char *path) {
    for (const char *one = roots; one && *one;) {
        const char *end = strchrnul(one, ':');
        size_t length = (size_t)(end - one);
        if (length && strncmp(path, one, length) == 0 && (path[length] == '/' || !path[length]))
            return 1;
        one = *end ? end + 1 : end;
    }
    return 0;
}

static int is_change(const char *call) {
    static const char *const other[] = {"open", "read", "unlink", "rmdir", NULL}; /* a full disk can be emptied */
    for (int i = 0; other[i]; i++)
        if (strcmp(call, other[i]) == 0)
            return error_wanted != ENOSPC && i >= 2;
    return 1;
}

/* Whether this call is to fail: 0, SHORT, or -1 with errno set is told by the caller. */
static int judge_path(const char *call, char *path) {
    if (!is_below(path))
        return PASS;
    without_chance(path);
    if (log_file >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%s\t%s\n", call, path);
        syscall(SYS_write, log_file, line, length);
    }
    if (!shared)
        return PASS;
    if (goes_on && shared[1] && is_change(call))
        return error_wanted;
    if (strcmp(call, call_wanted) || (strcmp(path_wanted, "*") && strcmp(path, path_wanted)))
        return PASS;
    if (__sync_add_and_fetch(&shared[0], 1) != number_wanted)
        return PASS;
    shared[1] = 1;
    return error_wanted ? error_wanted : SHORT;
}

static int judge_file(const char *call, int file) {
    char name[64], path[PATH_MAX + 1];
    int before = errno, found = PASS;
    if (roots) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", file);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, name, path, PATH_MAX);
        if (length > 0 && path[0] == '/') {
            path[length] = 0;
            char *deleted = strstr(path, " (deleted)");
            if (deleted)
                *deleted = 0;
            found = judge_path(call, path);
        }
    }
    errno = before;
    return found;
}

static int judge_at(const char *call, int folder, const char *name) {
    char path[2 * PATH_MAX + 2], base[64];
    int before = errno, found = PASS;
    ssize_t length = 0;
    if (!roots || !name)
        return PASS;
    if (name[0] != '/') {
        if (folder == AT_FDCWD)
            strcpy(base, "/proc/self/cwd");
        else
            snprintf(base, sizeof base, "/proc/self/fd/%d", folder);
        length = syscall(SYS_readlinkat, AT_FDCWD, base, path, PATH_MAX);
        if (length <= 0 || path[0] != '/')
            goto done;
        path[length++] = '/';
    }
    if (strlen(name) < PATH_MAX) {
        strcpy(path + length, name);
        found = judge_path(call, path);
    }
done:
    errno = before;
    return found;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL(verdict) \
    do { \
        int failed = (verdict); \
        if (failed > 0) { \
            errno = failed; \
            return -1; \
        } \
    } while (0)

static const char *opening(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? "create" : "open";
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        FAIL(judge_at(opening(flags), AT_FDCWD, path)); \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        FAIL(judge_at(opening(flags), folder, path)); \
        return real(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(name); \
        int failed = judge_at(strpbrk(mode, "wa+") ? "create" : "open", AT_FDCWD, path); \
        if (failed > 0) { \
            errno = failed; \
            return NULL; \
        } \
        return real(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* Half of what was to be written, if that is more than nothing. */
#define WRITE(type, name, call, parameters, file, count, whole, half) \
    type name parameters { \
        REAL(name); \
        int verdict = judge_file(call, file); \
        FAIL(verdict); \
        return verdict == SHORT && (count) > 1 ? real half : real whole; \
    }
WRITE(ssize_t, write, "write", (int file, const void *data, size_t count), file, count, (file, data, count),
      (file, data, count / 2))
WRITE(ssize_t, pwrite, "write", (int file, const void *data, size_t count, off_t at), file, count,
      (file, data, count, at), (file, data, count / 2, at))
WRITE(ssize_t, pwrite64, "write", (int file, const void *data, size_t count, off64_t at), file, count,
      (file, data, count, at), (file, data, count / 2, at))
WRITE(ssize_t, writev, "write", (int file, const struct iovec *data, int count), file, count, (file, data, count),
      (file, data, count / 2))
WRITE(ssize_t, sendfile, "write", (int file, int from, off_t *at, size_t count), file, count, (file, from, at, count),
      (file, from, at, count / 2))
WRITE(ssize_t, sendfile64, "write", (int file, int from, off64_t *at, size_t count), file, count,
      (file, from, at, count), (file, from, at, count / 2))
WRITE(ssize_t, copy_file_range, "write",
      (int from, off64_t *from_at, int file, off64_t *at, size_t count, unsigned flags), file, count,
      (from, from_at, file, at, count, flags), (from, from_at, file, at, count / 2, flags))
WRITE(ssize_t, read, "read", (int file, void *data, size_t count), file, count, (file, data, count),
      (file, data, count / 2))

#define CALL(name, parameters, verdict, arguments) \
    int name parameters { \
        REAL(name); \
        FAIL(verdict); \
        return real arguments; \
    }
CALL(mkdir, (const char *path, mode_t mode), judge_at("mkdir", AT_FDCWD, path), (path, mode))
CALL(mkdirat, (int at, const char *path, mode_t mode), judge_at("mkdir", at, path), (at, path, mode))
CALL(rmdir, (const char *path), judge_at("rmdir", AT_FDCWD, path), (path))
CALL(unlink, (const char *path), judge_at("unlink", AT_FDCWD, path), (path))
CALL(unlinkat, (int at, const char *path, int flags), judge_at(flags & AT_REMOVEDIR ? "rmdir" : "unlink", at, path),
     (at, path, flags))
CALL(rename, (const char *from, const char *to), judge_at("rename", AT_FDCWD, to), (from, to))
CALL(renameat, (int at, const char *from, int there, const char *to), judge_at("rename", there, to),
     (at, from, there, to))
CALL(renameat2, (int at, const char *from, int there, const char *to, unsigned flags), judge_at("rename", there, to),
     (at, from, there, to, flags))
CALL(link, (const char *from, const char *to), judge_at("link", AT_FDCWD, to), (from, to))
CALL(linkat, (int at, const char *from, int there, const char *to, int flags), judge_at("link", there, to),
     (at, from, there, to, flags))
CALL(symlink, (const char *text, const char *to), judge_at("symlink", AT_FDCWD, to), (text, to))
CALL(symlinkat, (const char *text, int at, const char *to), judge_at("symlink", at, to), (text, at, to))
CALL(chmod, (const char *path, mode_t mode), judge_at("chmod", AT_FDCWD, path), (path, mode))
CALL(fchmod, (int file, mode_t mode), judge_file("chmod", file), (file, mode))
CALL(fchmodat, (int at, const char *path, mode_t mode, int flags), judge_at("chmod", at, path),
     (at, path, mode, flags))
CALL(utimensat, (int at, const char *path, const struct timespec times[2], int flags), judge_at("utime", at, path),
     (at, path, times, flags))
CALL(futimens, (int file, const struct timespec times[2]), judge_file("utime", file), (file, times))
CALL(utimes, (const char *path, const struct timeval times[2]), judge_at("utime", AT_FDCWD, path), (path, times))
CALL(fsync, (int file), judge_file("fsync", file), (file))
CALL(fdatasync, (int file), judge_file("fsync", file), (file))
CALL(truncate, (const char *path, off_t size), judge_at("truncate", AT_FDCWD, path), (path, size))
CALL(ftruncate, (int file, off_t size), judge_file("truncate", file), (file, size))
CALL(ftruncate64, (int file, off64_t size), judge_file("truncate", file), (file, size))
