#include "postgres/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/sha.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "postgres/egress.h"
#include "runtime/child.h"
#include "runtime/task_log.h"

namespace kiban::postgres {
namespace {

namespace fs = std::filesystem;

constexpr int start_attempts_max = 5;
constexpr std::chrono::minutes program_time_max{15};  // initdb, or the copy of a snapshot.
constexpr std::size_t log_tail_bytes = 1'000;
constexpr std::uintmax_t log_bytes_max = 16 * 1024 * 1024;
constexpr std::chrono::seconds start_time_max{60};
constexpr std::chrono::seconds appear_time_max{20};
constexpr std::chrono::milliseconds stop_poll{20};
constexpr std::chrono::milliseconds stop_time_max{30'000};
// The users of servers; systemd.io/UIDS-GIDS leaves 1879048192 to 2147483647 free.
constexpr std::uint32_t uid_first = 1'900'000'000;
constexpr std::uint32_t uid_count = 200'000'000;
constexpr const char* bridge_address = "169.254.170.2";
constexpr const char* superuser = "rdsadmin";  // As in RDS, where only AWS can log in as it.

// In that order, of which the first that fits counts.
constexpr const char* client_authentication =
    "local all rdsadmin trust\n"
    "local replication rdsadmin trust\n"
    "host all rdsadmin all reject\n"
    "host all all all scram-sha-256\n";

// A file that the database's user may have written or replaced: regular ones only, and no more than
// their first 64 KiB.
std::string read_text(const fs::path& path) {
  constexpr std::size_t bytes_max = std::size_t{64} * 1024;
  const runtime::Descriptor file{
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat found{};
  if (file.number() < 0 || ::fstat(file.number(), &found) != 0 || !S_ISREG(found.st_mode))
    return {};
  std::string text(bytes_max, '\0');
  const ssize_t count = ::read(file.number(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

std::vector<std::string> read_lines(const fs::path& path) {
  std::istringstream in{read_text(path)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A descriptor that begins with `content` and needs no name.
int memory_file(const std::string& content) {
  const int file = ::memfd_create("kiban", MFD_CLOEXEC);
  if (file < 0) return file;
  if (::write(file, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    ::close(file);
    return -1;
  }
  ::lseek(file, 0, SEEK_SET);
  return file;
}

std::string read_all(int file) {
  ::lseek(file, 0, SEEK_SET);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::vector<std::string> environment_in(const std::string& directory) {
  return {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC",
          "HOME=" + directory, "PGCONNECT_TIMEOUT=10"};
}

Result<pid_t> spawn_program(const std::vector<std::string>& arguments, const std::string& directory,
                            int input, int output) {
  return runtime::spawn_child({.arguments = arguments,
                               .environment = environment_in(directory),
                               .directory = directory,
                               .input = input,
                               .output = output,
                               .session = runtime::Session::Own});
}

// Waits for the process that `spawn` starts with two descriptors, and returns its output.
template <typename Spawn>
Result<std::string> run_to_end(const std::string& name, const std::string& input, Spawn spawn) {
  const int in = memory_file(input);
  const int out = memory_file("");
  if (in < 0 || out < 0) {
    ::close(in);
    ::close(out);
    return fail("ProgramFailed", fmt::format("memfd_create: {}", strerror(errno)));
  }
  const Result<pid_t> pid = spawn(in, out);
  std::optional<int> status;
  if (pid)
    status = runtime::wait_for_child(*pid, std::chrono::steady_clock::now() + program_time_max);
  std::string printed = read_all(out);
  ::close(in);
  ::close(out);
  if (!pid) return std::unexpected(pid.error());
  if (!status)
    return fail("ProgramFailed", fmt::format("{} did not end in time: {}", name, printed));
  if (runtime::exit_code_of(*status) == 0) return printed;
  return fail("ProgramFailed", printed.empty() ? fmt::format("{} ended with status {}", name,
                                                             runtime::exit_code_of(*status))
                                               : printed);
}

bool can_bind(const std::string& address, std::uint16_t port) {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return false;
  const int yes = 1;
  ::setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  const bool bound = ::bind(file, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
  ::close(file);
  return bound;
}

bool is_free(std::uint16_t port) {
  return std::ranges::all_of(
      listen_addresses(), [port](const std::string& address) { return can_bind(address, port); });
}

std::string settings_for(std::uint16_t port) {
  return fmt::format(
      "port = {}\n"
      "listen_addresses = '{}'\n"
      "unix_socket_directories = '.'\n"
      "password_encryption = 'scram-sha-256'\n"
      "recovery_init_sync_method = 'syncfs'\n"
      "timezone = 'UTC'\n"
      "log_timezone = 'UTC'\n",
      port, fmt::join(listen_addresses(), ","));
}

std::string literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string identifier(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// Keeps statements, which may contain a password, out of the log of errors.
constexpr const char* sql_preamble = "SET log_min_error_statement = panic;\n";

// May run again on the same server. The master user is not a superuser, as in RDS.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
std::string set_up_sql(const Plan& plan) {
  const std::string user = identifier(plan.user);
  std::string sql = fmt::format(
      "{}SELECT 'CREATE ROLE rds_superuser NOLOGIN' WHERE NOT EXISTS "
      "(SELECT FROM pg_roles WHERE rolname = 'rds_superuser') \\gexec\n"
      "SELECT format('CREATE ROLE %I', {}) WHERE NOT EXISTS "
      "(SELECT FROM pg_roles WHERE rolname = {}) \\gexec\n"
      "ALTER ROLE {} LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity' PASSWORD {};\n"
      "GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION;\n"
      "GRANT rds_superuser TO {};\n"
      "ALTER DATABASE postgres OWNER TO {};\n",
      sql_preamble, literal(plan.user), literal(plan.user), user, literal(plan.password), user,
      user);
  if (!plan.database.empty())
    sql += fmt::format(
        "SELECT format('CREATE DATABASE %I OWNER %I', {}, {}) WHERE NOT EXISTS "
        "(SELECT FROM pg_database WHERE datname = {}) \\gexec\n",
        literal(plan.database), literal(plan.user), literal(plan.database));
  return sql;
}

// The whole file system at once: a thousand small files one by one take seconds.
Result<void> sync(const fs::path& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = folder >= 0 && ::syncfs(folder) == 0;
  const int error = errno;
  if (folder >= 0) ::close(folder);
  if (done) return {};
  return fail("PostgresFailed", fmt::format("can't sync {}: {}", path.string(), strerror(error)));
}

bool has_programs(const std::string& folder) {
  return std::ranges::all_of(std::vector{"initdb", "postgres", "psql"}, [&](const char* name) {
    return ::access((folder + "/" + name).c_str(), X_OK) == 0;
  });
}

Error failed_with(const std::string& what, const Error& error) {
  return {.name = "PostgresFailed", .cause = fmt::format("{}: {}", what, error.cause)};
}

}  // namespace

Result<std::string> run_program(const std::vector<std::string>& arguments,
                                const std::string& directory, const std::string& input) {
  return run_to_end(arguments.front(), input,
                    [&](int in, int out) { return spawn_program(arguments, directory, in, out); });
}

std::vector<std::string> postgres_folders() {
  std::vector<std::string> all{"/usr/lib/postgresql/15/bin"};
  const char* path = std::getenv("PATH");
  std::istringstream folders{path == nullptr ? "/usr/bin" : path};
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::error_code failed;
    const fs::path real = fs::canonical(folder + "/initdb", failed);
    if (!failed) all.push_back(real.parent_path().string());
  }
  for (const int major : {16, 17, 14})
    all.push_back(fmt::format("/usr/lib/postgresql/{}/bin", major));
  std::erase_if(all, [](const std::string& folder) { return !has_programs(folder); });
  return all;
}

std::vector<std::string> listen_addresses() {
  std::vector<std::string> all{"127.0.0.1"};
  if (can_bind(bridge_address, 0)) all.emplace_back(bridge_address);
  return all;
}

Server::Server(const fs::path& directory, std::vector<std::string> folders)
    : directory_(fs::absolute(directory).lexically_normal()), folders_(std::move(folders)) {}

Result<void> Server::find_programs() {
  // Data of one major version can't be read by another.
  const std::vector<std::string> made_by = read_lines(data() / "PG_VERSION");
  const std::string wanted = made_by.empty() ? "" : made_by.front();
  for (const std::string& folder : folders_) {
    if (!has_programs(folder)) continue;
    if (wanted.empty()) {
      bin_ = folder;
      return {};
    }
    const auto printed = run_program({folder + "/postgres", "--version"}, "/");
    if (printed && printed->find(fmt::format(") {}.", wanted)) != std::string::npos) {
      bin_ = folder;
      return {};
    }
  }
  return fail(
      "PostgresMissing",
      fmt::format("PostgreSQL {0} is not installed on this host. Install it: apt-get install "
                  "postgresql-{0}",
                  wanted.empty() ? "15" : wanted));
}

std::string Server::version() const {
  const auto printed = run_program({program("postgres"), "--version"}, "/");
  if (!printed) return "";
  const std::size_t at = printed->find(") ");  // postgres (PostgreSQL) 15.20 (Debian …)
  if (at == std::string::npos) return "";
  return printed->substr(at + 2, printed->find(' ', at + 2) - at - 2);
}

std::optional<long> Server::pid() const {
  const std::vector<std::string> lines = read_lines(data() / "postmaster.pid");
  if (lines.empty()) return std::nullopt;
  const long number = std::strtol(lines.front().c_str(), nullptr, 10);
  return number > 1 ? std::optional{number} : std::nullopt;
}

bool Server::alive() const {
  const auto number = pid();
  if (!number) return false;
  // The number may be another process's since a reboot; a server works in its data directory. The
  // directories are compared and not their names, which differ between mount namespaces.
  std::error_code failed;
  return fs::equivalent(fmt::format("/proc/{}/cwd", *number), data(), failed) && !failed;
}

std::optional<std::uint16_t> Server::last_port() const {
  for (const std::string& line : read_lines(data() / "kiban.conf"))
    if (line.starts_with("port = "))
      return static_cast<std::uint16_t>(std::strtol(line.c_str() + 7, nullptr, 10));
  return std::nullopt;
}

Result<void> Server::own(const fs::path& path) const {
  if (!user_ || ::lchown(path.c_str(), user_->uid, user_->gid) == 0) return {};
  return fail("PostgresFailed", fmt::format("can't give {} to user {}: {}", path.string(),
                                            user_->uid, strerror(errno)));
}

// That DIRECTORY/uid names; 0: none.
std::uint32_t Server::recorded_user() const {
  const std::vector<std::string> lines = read_lines(directory_ / "uid");
  if (lines.empty()) return 0;
  const auto number = static_cast<std::uint32_t>(std::strtoul(lines.front().c_str(), nullptr, 10));
  return number < uid_first || number - uid_first >= uid_count ? 0 : number;
}

// The user that DIRECTORY/uid names, or else a new one: a number far above those of people, of
// packages and of systemd's containers (systemd.io/UIDS-GIDS), derived from the directory's name.
Result<void> Server::choose_user() {
  if (user_ || ::geteuid() != 0) return {};
  const fs::path file = directory_ / "uid";
  std::uint32_t number = recorded_user();
  if (number == 0) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const std::string name = directory_.string();
    SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest);
    std::uint32_t offset = 0;
    std::memcpy(&offset, digest, sizeof offset);
    number = uid_first + offset % uid_count;
    while (::getpwuid(number) != nullptr) ++number;
    std::error_code failed;
    std::ofstream{file.string() + ".new"} << number << '\n';
    fs::rename(file.string() + ".new", file, failed);
    if (failed) return fail("PostgresFailed", file.string() + ": " + failed.message());
  }
  user_ = HostUser{.uid = number, .gid = number};
  return {};
}

// A directory of an earlier version belongs to `postgres`, the copy of a snapshot to another
// server.
Result<void> Server::own_data() const {
  struct stat found{};
  if (!user_ || ::lstat(data().c_str(), &found) != 0 || found.st_uid == user_->uid) return {};
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator{data(), failed})
    KIBAN_TRY_VOID(own(entry.path()));
  if (failed) return fail("PostgresFailed", data().string() + ": " + failed.message());
  return own(data());  // Last: its owner shows that the ownership of all files was changed.
}

Confined Server::confined(const fs::path& data, std::vector<std::string> arguments) const {
  return {.arguments = std::move(arguments),
          .environment = environment_in(data.string()),
          .program_root = fs::path(bin_).parent_path().string(),
          .data = data.string(),
          .mount_point = (directory_ / "root").string(),
          .user = user_};
}

Result<std::string> Server::run_confined(const fs::path& data, std::vector<std::string> arguments,
                                         bool shell, const std::string& input) const {
  const std::string name = arguments.front();
  Confined process = confined(data, std::move(arguments));
  process.shell = shell;
  return run_to_end(name, input, [&process](int in, int out) {
    process.input = in;
    process.output = out;
    return spawn_confined(process);
  });
}

bool Server::runs_as_its_user() const {
  struct stat found{};
  const auto number = pid();
  return !user_ || (number && ::stat(fmt::format("/proc/{}", *number).c_str(), &found) == 0 &&
                    found.st_uid == user_->uid);
}

std::string Server::log_tail() const {
  const fs::path log = directory_ / "log";
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(log, failed);
  std::ifstream in{log, std::ios::binary};
  if (!failed && size > log_tail_bytes)
    in.seekg(static_cast<std::streamoff>(size - log_tail_bytes));
  std::string text(log_tail_bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

Result<void> Server::write_settings(const std::string& settings) const {
  const fs::path fresh = directory_ / "kiban.conf.new";  // Where the database can't interfere.
  std::ofstream{fresh} << settings;
  KIBAN_TRY_VOID(own(fresh));
  std::error_code failed;
  fs::rename(fresh, data() / "kiban.conf", failed);
  if (failed)
    return fail("PostgresFailed", fmt::format("{}: {}", fresh.string(), failed.message()));
  return {};
}

// Only root and kiban's user get in; the server sees its data by its own mount namespace.
Result<void> Server::make_folders() const {
  std::error_code failed;
  fs::create_directories(directory_ / "root", failed);
  if (!failed) fs::permissions(directory_, fs::perms::owner_all, failed);
  if (!failed && ::geteuid() == 0 && ::lchown(directory_.c_str(), 0, 0) != 0)
    failed = {errno, std::generic_category()};
  if (!failed) return {};
  return fail("PostgresFailed",
              fmt::format("can't create {}: {}", directory_.string(), failed.message()));
}

// Made in another place first, so that `data` is always complete.
Result<void> Server::make(const Plan& plan) {
  std::error_code failed;
  // A program that a killed engine left behind loses its ground here.
  for (const fs::directory_entry& entry : fs::directory_iterator{directory_, failed})
    if (entry.path().filename().string().starts_with("partial-"))
      fs::remove_all(entry.path(), failed);
  const fs::path partial = directory_ / fmt::format("partial-{}", ::getpid());
  if (plan.restore.empty()) {
    fs::create_directory(partial, failed);
    if (failed)
      return fail("PostgresFailed",
                  fmt::format("can't create {}: {}", partial.string(), failed.message()));
    KIBAN_TRY_VOID(own(partial));
  }
  const auto made =
      plan.restore.empty()
          ? run_confined(partial,
                         {program("initdb"), "-D", partial.string(), "-U", superuser,
                          "--auth=scram-sha-256", "--auth-local=trust", "--encoding=UTF8",
                          "--locale=C.UTF-8", "--no-instructions", "--no-sync"},
                         true)
          : run_program({"cp", "-a", "--reflink=auto", "--", plan.restore, partial.string()},
                        directory_.string());
  if (!made) return std::unexpected(failed_with("can't make the database's files", made.error()));
  std::ofstream{partial / "pg_hba.conf"} << client_authentication;
  if (plan.restore.empty())
    std::ofstream{partial / "postgresql.conf", std::ios::app} << "include_if_exists 'kiban.conf'\n";
  KIBAN_TRY_VOID(sync(partial));
  fs::rename(partial, data(), failed);
  if (failed)
    return fail("PostgresFailed", fmt::format("{}: {}", partial.string(), failed.message()));
  return {};
}

Result<std::uint16_t> Server::choose_port(const Plan& plan, std::uint16_t after) const {
  if (plan.port) {
    if (after == 0 && is_free(*plan.port)) return *plan.port;
    return fail("PortTaken",
                fmt::format("port {} is in use on this host. Name another Port, or none for a free "
                            "one",
                            *plan.port));
  }
  if (const auto last = last_port(); after == 0 && last && is_free(*last)) return *last;
  for (std::uint16_t port = std::max(port_first, static_cast<std::uint16_t>(after + 1));
       port <= port_last; ++port)
    if (is_free(port)) return port;
  return fail("PortTaken", fmt::format("no port from {} to {} is free", port_first, port_last));
}

// The last line of postmaster.pid says so, as pg_ctl reads it.
bool Server::ready() const {
  const std::vector<std::string> lines = read_lines(data() / "postmaster.pid");
  return lines.size() >= 8 && lines[7].starts_with("ready");
}

// pg_ctl would need a shell where the server runs.
// A client that granted itself pg_write_server_files may have changed pg_hba.conf and settings.
Result<void> Server::restore_guards() const {
  for (const auto& [name, content] :
       {std::pair("pg_hba.conf", client_authentication), std::pair("postgresql.auto.conf", "")}) {
    const fs::path path = data() / name;
    std::error_code failed;
    fs::remove(path, failed);
    std::ofstream{path} << content;
    KIBAN_TRY_VOID(own(path));
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, failed);
    if (failed)
      return fail("PostgresFailed", fmt::format("{}: {}", path.string(), failed.message()));
  }
  return {};
}

Result<void> Server::start_process(std::uint16_t port) const {
  if (user_) KIBAN_TRY_VOID(close_egress(user_->uid, port));
  const std::string log = (directory_ / "log").string();
  const int output =
      ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // Arguments override files that a client may have written.
  std::vector<std::string> words{program("postgres"), "-D", data().string()};
  for (const std::string& setting :
       {fmt::format("port={}", port),
        fmt::format("listen_addresses={}", fmt::join(listen_addresses(), ",")),
        fmt::format("hba_file={}/pg_hba.conf", data().string()),
        std::string("unix_socket_directories=."), std::string("shared_preload_libraries="),
        std::string("session_preload_libraries=")}) {
    words.emplace_back("-c");
    words.push_back(setting);
  }
  Confined process = confined(data(), words);
  process.input = input;
  process.output = output;
  process.life = Life::Detached;
  const Result<pid_t> spawned = spawn_confined(process);
  ::close(output);
  ::close(input);
  if (!spawned) return std::unexpected(spawned.error());
  const auto begun = std::chrono::steady_clock::now();
  bool seen = false;
  for (;;) {
    if (alive() && ready()) return {};
    const auto waited = std::chrono::steady_clock::now() - begun;
    seen = seen || alive();
    // One that ends before it has its pid file is not seen at all.
    if ((seen && !alive()) || (!seen && waited > appear_time_max))
      return fail("ProgramFailed", "the server could not start");
    if (waited > start_time_max) return fail("ProgramFailed", "the server is not ready yet");
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

Result<std::uint16_t> Server::start(const Plan& plan) {
  // Its process may be a zombie, or another's by now, and PostgreSQL would shrink from it. What
  // guards a data directory in use is its shared memory, which goes by the directory's inode.
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator{data(), ignored}) {
    const std::string name = entry.path().filename().string();
    if (name == "postmaster.pid" || name.starts_with(".s.PGSQL."))
      fs::remove(entry.path(), ignored);
  }
  std::uint16_t refused = 0;
  for (int attempt = 0; attempt < start_attempts_max; ++attempt) {
    KIBAN_TRY(const std::uint16_t port, choose_port(plan, refused));
    KIBAN_TRY_VOID(write_settings(settings_for(port)));
    KIBAN_TRY_VOID(restore_guards());
    const auto started = start_process(port);
    if (started) return port;
    if (alive())
      return fail("PostgresFailed", "the server still starts; it may recover from a crash");
    // Another process took the port first.
    if (is_free(port)) return std::unexpected(failed_with(started.error().cause, {"", log_tail()}));
    refused = port;
  }
  return fail("PortTaken", "other programs took every port that was chosen: " + log_tail());
}

Result<void> Server::run_sql(const std::string& sql) const {
  // psql takes folders only by their whole name, and a socket's must be short.
  const std::string host = user_ ? confined_data : "/proc/self/cwd";
  const auto done = run_confined(
      data(),
      {program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--set=ON_ERROR_STOP=1",
       "--host=" + host, fmt::format("--port={}", last_port().value_or(0)),
       fmt::format("--username={}", superuser), "--dbname=postgres"},
      false, sql);
  if (!done) return std::unexpected(failed_with("psql", done.error()));
  return {};
}

Result<void> Server::set_up(const Plan& plan) {
  const fs::path ready = directory_ / "ready";
  std::error_code ignored;
  if (fs::exists(ready, ignored)) return {};
  KIBAN_TRY_VOID(run_sql(set_up_sql(plan)));
  std::ofstream{ready} << plan.user << '\n';
  return {};
}

Result<std::uint16_t> Server::run(const Plan& plan) {
  KIBAN_TRY_VOID(find_programs());
  KIBAN_TRY_VOID(make_folders());
  KIBAN_TRY_VOID(choose_user());
  std::error_code failed;
  if (!fs::exists(data() / "PG_VERSION", failed)) KIBAN_TRY_VOID(make(plan));
  std::uint16_t port = last_port().value_or(0);
  // The bridge may have come since: then the server must listen there as well. One that an earlier
  // version started is not confined.
  if (alive() && (!runs_as_its_user() || read_text(data() / "kiban.conf") != settings_for(port)))
    KIBAN_TRY_VOID(stop());
  if (!alive()) KIBAN_TRY_VOID(own_data());
  if (!alive()) {
    KIBAN_TRY(port, start(plan));
  }
  KIBAN_TRY_VOID(set_up(plan));
  return port;
}

Result<void> Server::set_password(const std::string& user, const std::string& password) {
  KIBAN_TRY_VOID(find_programs());
  KIBAN_TRY_VOID(choose_user());
  return run_sql(fmt::format("{}ALTER ROLE {} PASSWORD {};\n", sql_preamble, identifier(user),
                             literal(password)));
}

std::vector<std::string> Server::read_log() {
  const fs::path log = directory_ / "log";
  if (!log_place_) {
    std::ifstream place{directory_ / "log-place"};
    std::uint64_t number = 0;
    log_place_ = place >> number ? number : 0;
  }
  std::vector<std::string> lines;
  for (runtime::WrittenLine& line :
       runtime::read_lines(log, *log_place_, runtime::report_bytes_max, runtime::Written::More))
    lines.push_back(std::move(line.text));
  std::error_code failed;
  if (!lines.empty() || *log_place_ < log_bytes_max || fs::file_size(log, failed) > *log_place_)
    return lines;
  fs::resize_file(log, 0, failed);  // The server appends, wherever the end is.
  if (!failed) log_place_ = 0;
  keep_log_place();
  return lines;
}

void Server::keep_log_place() const {
  std::ofstream{directory_ / "log-place"} << log_place_.value_or(0) << '\n';
}

Result<void> Server::stop() {
  KIBAN_TRY_VOID(end_process());
  // Also of one that was killed.
  if (::geteuid() == 0) open_egress(recorded_user());
  return {};
}

Result<void> Server::end_process() const {
  if (!alive()) return {};
  // https://www.postgresql.org/docs/15/server-shutdown.html: fast, then immediate.
  for (const int signal : {SIGINT, SIGQUIT}) {
    const auto number = pid();
    if (!number || !alive()) return {};
    ::kill(static_cast<pid_t>(*number), signal);
    for (auto waited = stop_poll; waited < stop_time_max; waited += stop_poll) {
      std::this_thread::sleep_for(stop_poll);
      if (!alive()) return {};
    }
  }
  return fail("PostgresFailed", "the server does not end: " + log_tail());
}

Result<void> Server::remove(const std::string& snapshot) {
  KIBAN_TRY_VOID(stop());
  std::error_code failed;
  if (!snapshot.empty() && !fs::exists(snapshot, failed)) {
    fs::create_directories(fs::path(snapshot).parent_path(), failed);
    fs::rename(data(), snapshot, failed);
    if (failed)
      return fail("PostgresFailed",
                  fmt::format("can't keep the data at {}: {}", snapshot, failed.message()));
  }
  fs::remove_all(directory_, failed);
  if (failed)
    return fail("PostgresFailed",
                fmt::format("can't remove {}: {}", directory_.string(), failed.message()));
  user_.reset();  // The next server made here records its own.
  return {};
}

}  // namespace kiban::postgres
