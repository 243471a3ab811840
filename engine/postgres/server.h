// One PostgreSQL server of this host: its files, its process, its roles. Every function blocks, for
// seconds when it makes a server; nothing here is for two threads at a time.
//
// DIRECTORY/data is PostgreSQL's own, DIRECTORY/log what it writes, DIRECTORY/ready is there once
// roles and database are. The server is a session of its own and not our child, so it outlives us;
// it is found again by postmaster.pid. Passwords are SCRAM; the superuser `rdsadmin` has none and
// comes in by the Unix socket in the data directory alone, which only the server's user can enter.
//
// A database gives SQL and nothing else: whatever role a client gets, the server can't start a
// program and sees no file of the host (confine.h). As root each server runs as a user of its own,
// whose number is in DIRECTORY/uid; all of DIRECTORY but `data` belongs to root. Not as root, the
// server runs as the engine's user: it can't start programs, but reads what that user can read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "postgres/confine.h"

namespace kiban::postgres {

// Runs a program to its end, in a session of its own, with `input` as stdin, without our
// environment. Returns its output, or Error `ProgramFailed` with the output as cause.
Result<std::string> run_program(const std::vector<std::string>& arguments,
                                const std::string& directory, const std::string& input = {});

// Folders with initdb, postgres and psql, the preferred first: Debian's 15, then those of
// PATH, then Debian's others.
std::vector<std::string> postgres_folders();

// Where a server of ours may listen: 127.0.0.1, and 169.254.170.2 when the bridge of the
// containers is there.
std::vector<std::string> listen_addresses();

struct Plan {
  std::string database{};  // Empty: only the database `postgres`.
  std::string user{};
  std::string password{};
  std::optional<std::uint16_t> port{};  // None: a free one, from 15432 on; the one it had if free.
  std::string restore{};                // A directory that `keep` left, to begin as a copy of.
};

class Server {
 public:
  Server(const std::filesystem::path& directory, std::vector<std::string> folders);

  // Makes the server unless it is there, starts it unless it runs, and returns its port. Errors:
  // `PostgresMissing`, `PortTaken`, `PostgresFailed`.
  Result<std::uint16_t> run(const Plan& plan);
  bool alive() const;
  std::optional<long> pid() const;
  std::string version() const;  // "15.20", of the program in use.

  Result<void> set_password(const std::string& user, const std::string& password);
  // The next lines of the log, some 128 KiB at most; `keep_log_place` tells the next process of
  // ours where to go on. A log that was read and is long begins anew.
  std::vector<std::string> read_log();
  void keep_log_place() const;
  // Writes a base backup of the running server, with the log that makes it consistent, to the tar
  // file `tar`, which must not exist. The server goes on meanwhile. Errors: `PostgresMissing`,
  // `PostgresFailed`.
  Result<void> back_up(const std::filesystem::path& tar);
  // A fast shutdown: open transactions roll back, everything committed is on disk.
  Result<void> stop();
  // Stops, then keeps the data at `snapshot`, or erases it when that is empty.
  Result<void> remove(const std::string& snapshot);

  const std::filesystem::path& directory() const { return directory_; }

 private:
  Result<void> find_programs();
  Result<void> make(const Plan& plan);
  Result<void> write_settings(const std::string& settings) const;
  Result<std::uint16_t> choose_port(const Plan& plan, std::uint16_t after) const;
  Result<std::uint16_t> start(const Plan& plan);
  Result<void> restore_guards() const;
  Result<void> start_process(std::uint16_t port) const;
  Result<void> end_process() const;
  bool ready() const;
  std::uint32_t recorded_user() const;
  Result<void> choose_user();
  Result<void> make_folders() const;
  Result<void> own_data() const;
  Result<std::string> run_confined(const std::filesystem::path& data,
                                   std::vector<std::string> arguments, bool shell,
                                   const std::string& input = {}) const;
  Confined confined(const std::filesystem::path& data, std::vector<std::string> arguments) const;
  bool runs_as_its_user() const;
  Result<void> set_up(const Plan& plan);
  Result<void> run_sql(const std::string& sql) const;
  std::optional<std::uint16_t> last_port() const;
  Result<void> own(const std::filesystem::path& path) const;
  std::string log_tail() const;
  std::string program(const char* name) const { return bin_ + "/" + name; }
  std::filesystem::path data() const { return directory_ / "data"; }

  std::filesystem::path directory_;
  std::vector<std::string> folders_;
  std::string bin_{};
  std::optional<std::uint64_t> log_place_{};
  std::optional<HostUser> user_{};  // Once chosen, when we are root: PostgreSQL refuses root.
};

}  // namespace kiban::postgres
