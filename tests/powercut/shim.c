/*
 * A power cut without a power switch: loaded into a process by LD_PRELOAD, this library keeps a second copy ("shadow") of
 * one folder, holding what a disk would hold if the current failed at this instant. The test kills the process with
 * SIGKILL and goes on with the shadow. tests/it/support/powercut.rs builds it, starts it and puts the shadow in place.
 *
 * Environment
 *   POWERCUT_DIR     the folder that is watched, as an absolute path without symbolic links
 *   POWERCUT_SHADOW  the copy; the test makes it equal to the folder before the process starts
 *   POWERCUT_MODE    strict: only synced bytes survive.
 *                    reorder: besides, a random 5/8 of the writes and truncations reach the disk at once, in front of
 *                    older ones that don't; a quarter of those writes arrive torn, one half only
 *   POWERCUT_SEED    of those choices, a number
 * `<POWERCUT_SHADOW>.loaded` is created at start: proof that the library is in the process.
 *
 * What counts as synced: fsync, fdatasync, sync, syncfs, and writes to files opened with O_SYNC or O_DSYNC. What doesn't:
 * sync_file_range, close, time. A sync belongs to the file (inode), whichever descriptor it is called on; it covers size and
 * mode as well. The real fsync is left out: SIGKILL doesn't need it, and tests get faster.
 *
 * What is kinder than a real disk: names are durable at once (create, rename, unlink, mkdir, link need no sync of the
 * folder), and synced bytes never rot. A renamed file takes only its synced bytes along.
 *
 * What isn't followed: stdio (FILE *), io_uring, raw system calls, statically linked programs, two processes writing the same
 * file. A writable shared mapping of a watched file ends the process with a message rather than falsify the test;
 * copy_file_range, sendfile, splice and fallocate into a watched file are refused, so that callers fall back to plain writes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "64-bit Linux only");

#define MAX_RANGES 64
#define COPY_CHUNK (64 * 1024)

struct range {
    off_t begin, end;
};

/* One watched file. Never freed: a test opens few, and a late writer may still hold it. */
struct file {
    struct file *next;
    dev_t dev;
    ino_t ino;
    int real;   /* for reading what was written; descriptors of the program may be write-only */
    int shadow; /* stays valid when the file is renamed */
    pthread_mutex_t lock;
    struct range dirty[MAX_RANGES];
    int dirty_count;
    off_t lowest_size; /* smallest size since the last sync; what lay beyond it is gone, even if the file grew again */
};

static char watched[PATH_MAX], shadow_root[PATH_MAX];
static size_t watched_len;
static bool active, reorder;
static uint64_t random_state;
static struct file *files;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what) {
    dprintf(2, "powercut: %s (errno %d)\n", what, errno);
    abort();
}

/* The system calls themselves: what the library does for its own sake must not come back to it. */
static int real_open(int dir, const char *path, int flags, mode_t mode) {
    return syscall(SYS_openat, dir, path, flags, mode);
}

static ssize_t real_pwrite(int fd, const void *data, size_t len, off_t at) {
    return syscall(SYS_pwrite64, fd, data, len, at);
}

static int real_ftruncate(int fd, off_t size) {
    return syscall(SYS_ftruncate, fd, size);
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("POWERCUT_DIR"), *copy = getenv("POWERCUT_SHADOW");
    if (!dir || !copy)
        return;
    const char *mode = getenv("POWERCUT_MODE"), *seed = getenv("POWERCUT_SEED");
    if (!mode || (strcmp(mode, "strict") && strcmp(mode, "reorder")))
        die("POWERCUT_MODE is neither strict nor reorder");
    snprintf(watched, sizeof watched, "%s", dir);
    snprintf(shadow_root, sizeof shadow_root, "%s", copy);
    watched_len = strlen(watched);
    reorder = !strcmp(mode, "reorder");
    random_state = seed ? strtoull(seed, NULL, 10) : 0;

    char loaded[PATH_MAX + 8];
    snprintf(loaded, sizeof loaded, "%s.loaded", shadow_root);
    int fd = real_open(AT_FDCWD, loaded, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        die("the mark of having been loaded can't be written");
    close(fd);
    active = true;
}

/* splitmix64 */
static uint64_t random_number(void) {
    uint64_t z = __atomic_add_fetch(&random_state, 0x9e3779b97f4a7c15ull, __ATOMIC_RELAXED);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static bool reaches_disk_early(uint64_t choice) {
    return reorder && choice % 8 < 5;
}

/* ---- paths ---------------------------------------------------------------------------------------------------------- */

static bool is_watched(const char *path) {
    return !strncmp(path, watched, watched_len) && path[watched_len] == '/';
}

static void shadow_path(const char *path, char *out) {
    if (snprintf(out, PATH_MAX, "%s%s", shadow_root, path + watched_len) >= PATH_MAX)
        die("a path is too long");
}

static bool path_of_fd(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, out, PATH_MAX - 1);
    if (len < 0)
        return false;
    out[len] = 0;
    return true;
}

/* The absolute path of a name, its folder's symbolic links resolved; false when it isn't below the watched folder. */
static bool resolve(int dir, const char *name, char *out) {
    if (!active || !name || !*name)
        return false;
    char joined[2 * PATH_MAX], parent[PATH_MAX];
    int saved = errno;
    if (name[0] == '/') {
        snprintf(joined, sizeof joined, "%s", name);
    } else {
        char base[PATH_MAX];
        if (dir == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of_fd(dir, base)) {
            errno = saved;
            return false;
        }
        snprintf(joined, sizeof joined, "%s/%s", base, name);
    }
    for (size_t len = strlen(joined); len > 1 && joined[len - 1] == '/'; len--)
        joined[len - 1] = 0;
    char *slash = strrchr(joined, '/');
    *slash = 0;
    bool found = realpath(slash == joined ? "/" : joined, parent) != NULL;
    errno = saved;
    if (!found)
        return false;
    if (snprintf(out, PATH_MAX, "%s/%s", parent, slash + 1) >= PATH_MAX)
        die("a path is too long");
    return is_watched(out);
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* Called with files_lock held. */
static struct file *watch(int fd, const struct stat *st) {
    char path[PATH_MAX], copy[PATH_MAX], self[64];
    if (!path_of_fd(fd, path) || !is_watched(path) || st->st_nlink == 0)
        return NULL;
    shadow_path(path, copy);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    struct file *f = calloc(1, sizeof *f);
    if (!f)
        die("no memory");
    f->dev = st->st_dev;
    f->ino = st->st_ino;
    f->lowest_size = INT64_MAX;
    if (st->st_size > 0 && access(copy, F_OK))
        die("the folder was changed after its shadow was made");
    f->real = real_open(AT_FDCWD, self, O_RDONLY | O_CLOEXEC, 0);
    f->shadow = real_open(AT_FDCWD, copy, O_RDWR | O_CREAT | O_CLOEXEC, st->st_mode & 07777);
    if (f->real < 0 || f->shadow < 0 || fchmod(f->shadow, st->st_mode & 07777))
        die("a file can't be copied to the shadow");
    pthread_mutex_init(&f->lock, NULL);
    f->next = files;
    files = f;
    return f;
}

/* The watched file behind a descriptor, by inode, so that dup and a second open need no care. */
static struct file *file_of(int fd, bool may_be_new) {
    struct stat st;
    if (!active)
        return NULL;
    int saved = errno;
    struct file *f = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        pthread_mutex_lock(&files_lock);
        for (f = files; f && !(f->ino == st.st_ino && f->dev == st.st_dev); f = f->next)
            ;
        if (!f && may_be_new)
            f = watch(fd, &st);
        pthread_mutex_unlock(&files_lock);
    }
    errno = saved;
    return f;
}

/* The last name of a file is gone: its inode number may come back as another file's. */
static void forget(const struct stat *st) {
    if (!S_ISREG(st->st_mode) || st->st_nlink > 1)
        return;
    pthread_mutex_lock(&files_lock);
    for (struct file **at = &files; *at; at = &(*at)->next) {
        struct file *f = *at;
        if (f->ino == st->st_ino && f->dev == st->st_dev) {
            *at = f->next;
            break;
        }
    }
    pthread_mutex_unlock(&files_lock);
}

/* ---- bytes; all with the file's lock held --------------------------------------------------------------------------- */

static void copy_range_to_shadow(struct file *f, off_t begin, off_t end) {
    char chunk[COPY_CHUNK];
    while (begin < end) {
        size_t want = end - begin < COPY_CHUNK ? (size_t)(end - begin) : COPY_CHUNK;
        ssize_t got = pread(f->real, chunk, want, begin);
        if (got < 0)
            die("a watched file can't be read back");
        if (got == 0)
            return; /* truncated meanwhile */
        for (ssize_t done = 0; done < got;) {
            ssize_t n = real_pwrite(f->shadow, chunk + done, got - done, begin + done);
            if (n <= 0)
                die("the shadow can't be written");
            done += n;
        }
        begin += got;
    }
}

/* Clean bytes are the same on both sides, so ranges may be merged generously. */
static void mark_dirty(struct file *f, off_t begin, off_t end) {
    for (int i = 0; i < f->dirty_count; i++) {
        struct range *r = &f->dirty[i];
        if (begin <= r->end && end >= r->begin) {
            r->begin = begin < r->begin ? begin : r->begin;
            r->end = end > r->end ? end : r->end;
            return;
        }
    }
    if (f->dirty_count < MAX_RANGES) {
        f->dirty[f->dirty_count++] = (struct range){begin, end};
        return;
    }
    for (int i = 0; i < f->dirty_count; i++) {
        begin = f->dirty[i].begin < begin ? f->dirty[i].begin : begin;
        end = f->dirty[i].end > end ? f->dirty[i].end : end;
    }
    f->dirty[0] = (struct range){begin, end};
    f->dirty_count = 1;
}

static void wrote(struct file *f, off_t begin, off_t end) {
    mark_dirty(f, begin, end);
    uint64_t choice = random_number();
    if (!reaches_disk_early(choice))
        return;
    off_t middle = begin + (end - begin) / 2;
    bool torn = (choice >> 8) % 4 == 0, first_half = (choice >> 16) % 2;
    copy_range_to_shadow(f, torn && !first_half ? middle : begin, torn && first_half ? middle : end);
}

static void resized(struct file *f, off_t size) {
    if (size < f->lowest_size)
        f->lowest_size = size;
    if (reaches_disk_early(random_number()) && real_ftruncate(f->shadow, size))
        die("the shadow can't be resized");
}

static void synced(struct file *f) {
    struct stat real, copy;
    if (fstat(f->real, &real) || fstat(f->shadow, &copy))
        die("a watched file can't be looked at");
    if (f->lowest_size < copy.st_size && real_ftruncate(f->shadow, f->lowest_size))
        die("the shadow can't be resized");
    for (int i = 0; i < f->dirty_count; i++) {
        off_t end = f->dirty[i].end < real.st_size ? f->dirty[i].end : real.st_size;
        copy_range_to_shadow(f, f->dirty[i].begin, end);
    }
    if (real_ftruncate(f->shadow, real.st_size) || fchmod(f->shadow, real.st_mode & 07777))
        die("the shadow can't be resized");
    f->dirty_count = 0;
    f->lowest_size = INT64_MAX;
}

static void sync_locked(struct file *f) {
    int saved = errno;
    pthread_mutex_lock(&f->lock);
    synced(f);
    pthread_mutex_unlock(&f->lock);
    errno = saved;
}

static void sync_everything(void) {
    pthread_mutex_lock(&files_lock);
    for (struct file *f = files; f; f = f->next)
        sync_locked(f);
    pthread_mutex_unlock(&files_lock);
}

/* ---- what the program calls: files ---------------------------------------------------------------------------------- */

static int opened(int fd, int flags) {
    bool may_write = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    if (fd < 0 || !may_write)
        return fd;
    struct file *f = file_of(fd, true);
    if (f && flags & O_TRUNC) {
        pthread_mutex_lock(&f->lock);
        resized(f, 0);
        pthread_mutex_unlock(&f->lock);
    }
    return fd;
}

/* O_TMPFILE contains the bit of O_DIRECTORY, so it is compared whole. */
#define MODE_OF(flags, last)                                                                                           \
    ({                                                                                                                 \
        mode_t mode_ = 0;                                                                                              \
        if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                                                 \
            va_list args_;                                                                                             \
            va_start(args_, last);                                                                                     \
            mode_ = va_arg(args_, mode_t);                                                                             \
            va_end(args_);                                                                                             \
        }                                                                                                              \
        mode_;                                                                                                         \
    })

int open(const char *path, int flags, ...) {
    mode_t mode = MODE_OF(flags, flags);
    return opened(real_open(AT_FDCWD, path, flags, mode), flags);
}

int openat(int dir, const char *path, int flags, ...) {
    mode_t mode = MODE_OF(flags, flags);
    return opened(real_open(dir, path, flags, mode), flags);
}

int creat(const char *path, mode_t mode) {
    int flags = O_CREAT | O_WRONLY | O_TRUNC;
    return opened(real_open(AT_FDCWD, path, flags, mode), flags);
}

/* After a write to a watched file, the lock still held: `end` is where it ended. */
static void finish_write(struct file *f, int fd, ssize_t len, off_t end) {
    int saved = errno;
    if (len > 0)
        wrote(f, end - len, end);
    int flags = fcntl(fd, F_GETFL);
    if (flags & (O_SYNC | O_DSYNC))
        synced(f);
    pthread_mutex_unlock(&f->lock);
    errno = saved;
}

#define AT_CURSOR(f, fd, call)                                                                                         \
    ({                                                                                                                 \
        pthread_mutex_lock(&(f)->lock);                                                                                \
        ssize_t len_ = (call);                                                                                         \
        finish_write(f, fd, len_, len_ > 0 ? lseek(fd, 0, SEEK_CUR) : 0);                                              \
        len_;                                                                                                          \
    })

#define AT_OFFSET(f, fd, at, call)                                                                                     \
    ({                                                                                                                 \
        pthread_mutex_lock(&(f)->lock);                                                                                \
        ssize_t len_ = (call);                                                                                         \
        finish_write(f, fd, len_, (at) + len_);                                                                        \
        len_;                                                                                                          \
    })

ssize_t write(int fd, const void *data, size_t len) {
    struct file *f = file_of(fd, true);
    return f ? AT_CURSOR(f, fd, syscall(SYS_write, fd, data, len)) : syscall(SYS_write, fd, data, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct file *f = file_of(fd, true);
    return f ? AT_CURSOR(f, fd, syscall(SYS_writev, fd, parts, count)) : syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    struct file *f = file_of(fd, true);
    return f ? AT_OFFSET(f, fd, at, real_pwrite(fd, data, len, at)) : real_pwrite(fd, data, len, at);
}

/* The kernel wants the offset in two halves; on 64 bits the first is all of it. */
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    struct file *f = file_of(fd, true);
    return f ? AT_OFFSET(f, fd, at, syscall(SYS_pwritev, fd, parts, count, at, 0))
             : syscall(SYS_pwritev, fd, parts, count, at, 0);
}

int ftruncate(int fd, off_t size) {
    struct file *f = file_of(fd, true);
    if (!f)
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&f->lock);
    int result = real_ftruncate(fd, size);
    if (result == 0)
        resized(f, size);
    pthread_mutex_unlock(&f->lock);
    return result;
}

int truncate(const char *path, off_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = ftruncate(fd, size), saved = errno;
    close(fd);
    errno = saved;
    return result;
}

int fsync(int fd) {
    struct file *f = file_of(fd, false);
    if (!f)
        return syscall(SYS_fsync, fd);
    sync_locked(f);
    return 0;
}

int fdatasync(int fd) {
    struct file *f = file_of(fd, false);
    if (!f)
        return syscall(SYS_fdatasync, fd);
    sync_locked(f);
    return 0;
}

void sync(void) {
    if (active)
        sync_everything();
    else
        syscall(SYS_sync);
}

int syncfs(int fd) {
    if (!active)
        return syscall(SYS_syncfs, fd);
    sync_everything();
    return 0;
}

/* Starts write-back, flushes neither the device's cache nor the metadata: promises nothing, so nothing is done. */
int sync_file_range(int fd, off_t at, off_t len, unsigned flags) {
    return file_of(fd, false) ? 0 : (int)syscall(SYS_sync_file_range, fd, at, len, flags);
}

/* ---- what the program calls: names ---------------------------------------------------------------------------------- */

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX], old_copy[PATH_MAX], new_copy[PATH_MAX];
    bool leaves = resolve(from_dir, from, old), arrives = resolve(to_dir, to, new);
    if (!leaves && !arrives)
        return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (leaves)
        shadow_path(old, old_copy);
    if (arrives)
        shadow_path(new, new_copy);
    pthread_mutex_lock(&names_lock);
    struct stat replaced;
    bool replaces = !(flags & RENAME_EXCHANGE) && arrives && lstat(new, &replaced) == 0;
    int result = syscall(SYS_renameat2, from_dir, from, to_dir, to, flags), saved = errno;
    if (result == 0) {
        if (replaces)
            forget(&replaced);
        if (leaves && arrives) {
            if (syscall(SYS_renameat2, AT_FDCWD, old_copy, AT_FDCWD, new_copy, flags))
                die("the shadow can't follow a rename");
        } else if (leaves) {
            syscall(SYS_unlinkat, AT_FDCWD, old_copy, 0);
        } else { /* from outside: nothing is known of its syncs, so none of its bytes are on disk yet */
            close(real_open(AT_FDCWD, new_copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
            struct stat st;
            int fd = real_open(AT_FDCWD, new, O_RDONLY | O_CLOEXEC, 0);
            struct file *f = fd < 0 ? NULL : file_of(fd, true);
            if (f && fstat(fd, &st) == 0) {
                pthread_mutex_lock(&f->lock);
                mark_dirty(f, 0, st.st_size);
                pthread_mutex_unlock(&f->lock);
            }
            if (fd >= 0)
                close(fd);
        }
    }
    pthread_mutex_unlock(&names_lock);
    errno = saved;
    return result;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir, const char *name, int flags) {
    char path[PATH_MAX], copy[PATH_MAX];
    if (!resolve(dir, name, path))
        return syscall(SYS_unlinkat, dir, name, flags);
    shadow_path(path, copy);
    pthread_mutex_lock(&names_lock);
    struct stat st;
    bool known = lstat(path, &st) == 0;
    int result = syscall(SYS_unlinkat, dir, name, flags), saved = errno;
    if (result == 0) {
        if (known)
            forget(&st);
        syscall(SYS_unlinkat, AT_FDCWD, copy, flags);
    }
    pthread_mutex_unlock(&names_lock);
    errno = saved;
    return result;
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int dir, const char *name, mode_t mode) {
    char path[PATH_MAX], copy[PATH_MAX];
    if (!resolve(dir, name, path))
        return syscall(SYS_mkdirat, dir, name, mode);
    shadow_path(path, copy);
    pthread_mutex_lock(&names_lock);
    int result = syscall(SYS_mkdirat, dir, name, mode), saved = errno;
    if (result == 0 && syscall(SYS_mkdirat, AT_FDCWD, copy, mode) && errno != EEXIST)
        die("the shadow can't follow a new folder");
    pthread_mutex_unlock(&names_lock);
    errno = saved;
    return result;
}

int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char old[PATH_MAX], new[PATH_MAX], old_copy[PATH_MAX], new_copy[PATH_MAX];
    if (!resolve(to_dir, to, new))
        return syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (!resolve(from_dir, from, old)) {
        errno = EXDEV; /* as if it lay on another disk */
        return -1;
    }
    shadow_path(old, old_copy);
    shadow_path(new, new_copy);
    pthread_mutex_lock(&names_lock);
    int result = syscall(SYS_linkat, from_dir, from, to_dir, to, flags), saved = errno;
    if (result == 0 && syscall(SYS_linkat, AT_FDCWD, old_copy, AT_FDCWD, new_copy, flags))
        die("the shadow can't follow a link");
    pthread_mutex_unlock(&names_lock);
    errno = saved;
    return result;
}

int link(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- what can't be followed ----------------------------------------------------------------------------------------- */

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags) {
    if (!file_of(out, true))
        return syscall(SYS_copy_file_range, in, in_at, out, out_at, len, flags);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile(int out, int in, off_t *at, size_t len) {
    if (!file_of(out, true))
        return syscall(SYS_sendfile, out, in, at, len);
    errno = ENOSYS;
    return -1;
}

ssize_t splice(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags) {
    if (!file_of(out, true))
        return syscall(SYS_splice, in, in_at, out, out_at, len, flags);
    errno = ENOSYS;
    return -1;
}

int fallocate(int fd, int mode, off_t at, off_t len) {
    if (!file_of(fd, true))
        return syscall(SYS_fallocate, fd, mode, at, len);
    errno = EOPNOTSUPP;
    return -1;
}

void *mmap(void *addr, size_t len, int protection, int flags, int fd, off_t at) {
    bool writes = fd >= 0 && !(flags & MAP_ANONYMOUS) && flags & MAP_SHARED && protection & PROT_WRITE;
    if (writes && file_of(fd, true))
        die("a watched file is mapped writable, which this library can't follow");
    return (void *)syscall(SYS_mmap, addr, len, protection, flags, fd, at);
}

/* The names with 64 at the end are the same functions here. */
#define SAME_AS(original) __attribute__((alias(#original)))
int open64(const char *path, int flags, ...) SAME_AS(open);
int openat64(int dir, const char *path, int flags, ...) SAME_AS(openat);
int creat64(const char *path, mode_t mode) SAME_AS(creat);
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) SAME_AS(pwrite);
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) SAME_AS(pwritev);
int ftruncate64(int fd, off64_t size) SAME_AS(ftruncate);
int truncate64(const char *path, off64_t size) SAME_AS(truncate);
ssize_t sendfile64(int out, int in, off64_t *at, size_t len) SAME_AS(sendfile);
int fallocate64(int fd, int mode, off64_t at, off64_t len) SAME_AS(fallocate);
void *mmap64(void *addr, size_t len, int protection, int flags, int fd, off64_t at) SAME_AS(mmap);
