// A base backup by pg_basebackup, which speaks the replication protocol over the server's socket.
// https://www.postgresql.org/docs/15/app-pgbasebackup.html
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "postgres/server.h"
#include "runtime/child.h"

namespace kiban::postgres {
namespace {

namespace fs = std::filesystem;

// The server reads pg_hba.conf again a moment after the signal.
constexpr int attempts_max = 5;
constexpr std::chrono::milliseconds attempt_interval{300};
constexpr std::chrono::hours time_max{24};
constexpr std::size_t message_bytes_max = 1'000;

std::string read_messages(int file) {
  std::string text(message_bytes_max, '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string last_error() { return std::generic_category().message(errno); }

// Closes its descriptor.
struct Descriptor {
  explicit Descriptor(int opened) : number(opened) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number;
};

// Runs `process` to its end with `path` as its standard output.
Result<void> run_into(const fs::path& path, Confined process) {
  const Descriptor in{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const Descriptor out{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
  const Descriptor messages{::memfd_create("kiban", MFD_CLOEXEC)};
  if (in.number < 0 || out.number < 0 || messages.number < 0)
    return fail("PostgresFailed", fmt::format("can't create {}: {}", path.string(), last_error()));
  process.input = in.number;
  process.output = out.number;
  process.errors = messages.number;
  KIBAN_TRY(const pid_t pid, spawn_confined(process));
  const auto status = runtime::wait_for_child(pid, std::chrono::steady_clock::now() + time_max);
  if (!status) return fail("PostgresFailed", "pg_basebackup did not end in time");
  if (runtime::exit_code_of(*status) != 0)
    return fail("PostgresFailed", "pg_basebackup: " + read_messages(messages.number));
  if (::fsync(out.number) == 0) return {};
  return fail("PostgresFailed", fmt::format("can't sync {}: {}", path.string(), last_error()));
}

}  // namespace

Result<void> Server::back_up(const fs::path& tar) {
  KIBAN_TRY_VOID(find_programs());
  KIBAN_TRY_VOID(choose_user());
  if (::access(program("pg_basebackup").c_str(), X_OK) != 0)
    return fail("PostgresMissing", fmt::format("there is no {}. Install PostgreSQL's client "
                                               "programs: apt-get install postgresql-client",
                                               program("pg_basebackup")));
  // A server that an earlier kiban started refuses replication until it reads its guards again.
  KIBAN_TRY_VOID(restore_guards());
  KIBAN_TRY_VOID(run_sql("SELECT pg_reload_conf();\n"));
  Result<void> done = fail("PostgresFailed", "not tried");
  for (int attempt = 0; !done && attempt < attempts_max; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(attempt_interval);
    done = run_into(
        tar, confined(data(),
                      {program("pg_basebackup"), "--pgdata=-", "--format=tar", "--wal-method=fetch",
                       "--checkpoint=fast", "--no-password",
                       "--host=" + std::string(user_ ? confined_data : "/proc/self/cwd"),
                       fmt::format("--port={}", last_port().value_or(0)), "--username=rdsadmin"}));
  }
  if (!done) {
    std::error_code ignored;
    fs::remove(tar, ignored);
  }
  return done;
}

}  // namespace kiban::postgres
