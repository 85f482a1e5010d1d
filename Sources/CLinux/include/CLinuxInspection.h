/* What a program that examines a node asks the kernel, and the one helper program that it starts. Inline, so that
   nothing of it is in programs that don't ask. Names and paths end with NUL. Each returns the call's result, or
   -errno. */
#ifndef CLINUX_INSPECTION_H
#define CLINUX_INSPECTION_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CAIRN_KIND_FILE, CAIRN_KIND_FOLDER, CAIRN_KIND_SOCKET, CAIRN_KIND_DEVICE, CAIRN_KIND_OTHER };

struct cairn_file_facts {
  uint32_t mode;
  uint32_t owner;
  uint32_t group;
  int32_t kind;
  int64_t byte_count;
  int64_t modified_milliseconds;
  uint32_t device_major;
  uint32_t device_minor;
  uint64_t inode;
};

/* Links are followed, as open does. */
static inline int cairn_file_facts(const uint8_t *path, struct cairn_file_facts *facts) {
  struct stat status;
  if (stat((const char *)path, &status) < 0) return -errno;
  facts->mode = status.st_mode & 07777;
  facts->owner = status.st_uid;
  facts->group = status.st_gid;
  facts->kind = S_ISREG(status.st_mode)    ? CAIRN_KIND_FILE
                : S_ISDIR(status.st_mode)  ? CAIRN_KIND_FOLDER
                : S_ISSOCK(status.st_mode) ? CAIRN_KIND_SOCKET
                : S_ISCHR(status.st_mode)  ? CAIRN_KIND_DEVICE
                                           : CAIRN_KIND_OTHER;
  facts->byte_count = status.st_size;
  facts->modified_milliseconds =
      (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
  facts->device_major = major(status.st_dev);
  facts->device_minor = minor(status.st_dev);
  facts->inode = status.st_ino;
  return 0;
}

struct cairn_space {
  uint64_t byte_count;
  uint64_t available_byte_count;
  /* 0 where the file system makes them as needed. */
  uint64_t file_count;
  uint64_t available_file_count;
  int32_t is_read_only;
};

static inline int cairn_space(const uint8_t *path, struct cairn_space *space) {
  struct statvfs status;
  int result;
  do {
    result = statvfs((const char *)path, &status);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  uint64_t unit = status.f_frsize > 0 ? status.f_frsize : status.f_bsize;
  space->byte_count = status.f_blocks * unit;
  space->available_byte_count = status.f_bavail * unit;
  space->file_count = status.f_files;
  space->available_file_count = status.f_favail;
  space->is_read_only = (status.f_flag & ST_RDONLY) != 0;
  return 0;
}

/* 0 when this process may read and, with `writes`, write what stands there. Opens nothing. */
static inline int cairn_may_use(const uint8_t *path, int writes) {
  return faccessat(AT_FDCWD, (const char *)path, writes ? R_OK | W_OK : R_OK, AT_EACCESS) < 0
             ? -errno
             : 0;
}

/* The user's number and its group's; -ENOENT when there is none of that name. */
static inline int cairn_user_find(const uint8_t *name, uint32_t *user, uint32_t *group) {
  char bytes[4096];
  struct passwd entry, *found = NULL;
  int error = getpwnam_r((const char *)name, &entry, bytes, sizeof bytes, &found);
  if (found == NULL) return error != 0 ? -error : -ENOENT;
  *user = entry.pw_uid;
  *group = entry.pw_gid;
  return 0;
}

static inline int64_t cairn_group_find(const uint8_t *name) {
  char bytes[8192];
  struct group entry, *found = NULL;
  int error = getgrnam_r((const char *)name, &entry, bytes, sizeof bytes, &found);
  if (found == NULL) return error != 0 ? -error : -ENOENT;
  return entry.gr_gid;
}

/* Where this program's file is, without a NUL; its length. */
static inline int64_t cairn_own_path(uint8_t *bytes, int64_t count) {
  ssize_t result = readlink("/proc/self/exe", (char *)bytes, (size_t)count);
  return result < 0 ? -errno : result;
}

/* 1 when this process acts for the group. */
static inline int cairn_is_in_group(uint32_t group) {
  gid_t groups[256];
  int count = getgroups(256, groups);
  if (count < 0) return -errno;
  if (getegid() == group) return 1;
  for (int index = 0; index < count; index++)
    if (groups[index] == group) return 1;
  return 0;
}

enum { CAIRN_HELPER_WORDS = 16 };

/* Between fork and exec: only calls that are safe there. `group` and `user` hold when `changes_user`. */
static inline void cairn_helper_become(
    char *const *words, int output, int changes_user, uint32_t user, uint32_t group) {
  static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LC_ALL=C";
  char *const environment[] = {path, language, NULL};
  sigset_t none;
  sigemptyset(&none);
  int null = open("/dev/null", O_RDWR);
  if (setpgid(0, 0) < 0 || null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 ||
      dup2(null, 2) < 0)
    _exit(126);
  if (changes_user && (setgroups(1, &group) < 0 || setgid(group) < 0 || setuid(user) < 0)) _exit(126);
  /* After the change of user, which would undo it. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR ||
      sigprocmask(SIG_SETMASK, &none, NULL) < 0)
    _exit(126);
  execve(words[0], words, environment);
  _exit(127);
}

/* Starts a program in a process group of its own: its words one after another, each with its NUL, an empty one at
   the end. Its output can be read, without waiting, from `output`. Returns its number. */
static inline int cairn_helper_start(
    const uint8_t *packed, int changes_user, uint32_t user, uint32_t group, int *output) {
  char *words[CAIRN_HELPER_WORDS + 1];
  int count = 0;
  const char *word = (const char *)packed;
  while (*word != 0) {
    if (count == CAIRN_HELPER_WORDS) return -E2BIG;
    words[count++] = (char *)word;
    word += strlen(word) + 1;
  }
  words[count] = NULL;
  if (count == 0) return -EINVAL;
  int ends[2];
  if (pipe(ends) < 0) return -errno;
  pid_t child = -1;
  int reason = 0;
  if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) < 0 ||
      fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || (child = fork()) < 0) {
    reason = -errno;
  } else if (child == 0) {
    cairn_helper_become(words, ends[1], changes_user, user, group);
  }
  close(ends[1]);
  if (reason < 0) {
    close(ends[0]);
    return reason;
  }
  *output = ends[0];
  return child;
}

/* Waits so long for the end of a helper that has written all, then ends it. Tells its exit status; 128 and the
   signal's number when one ended it. */
static inline int cairn_helper_end(int child, int64_t patience_milliseconds) {
  int status = 0;
  pid_t result = 0;
  for (int64_t waited = 0; waited <= patience_milliseconds; waited += 5) {
    do {
      result = waitpid(child, &status, WNOHANG);
    } while (result < 0 && errno == EINTR);
    if (result != 0) break;
    struct timespec pause = {.tv_nsec = 5000000};
    (void)nanosleep(&pause, NULL);
  }
  if (result == 0) {
    (void)kill(-child, SIGKILL);
    do {
      result = waitpid(child, &status, 0);
    } while (result < 0 && errno == EINTR);
  }
  if (result < 0) return -errno;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
