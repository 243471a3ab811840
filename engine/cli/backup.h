// A copy of a data directory while it is served, and back.
//
//   BACKUP/backup.json   its description; written last: without it the backup is not complete
//   BACKUP/rows          the rows of one instant, encrypted as they are
//   BACKUP/blobs         bytes of objects and images: hard links where the file system is the same
//   BACKUP/databases     PostgreSQL servers, each at an instant after that of the rows
//
// The encryption key is not in it, and the rows are of no use without the key. The root key and the
// key that signs SNS messages are in the rows, encrypted. Tasks that run are not in it: after a
// restore they begin again.
#pragma once

#include <memory>
#include <string>

#include "cli/client.h"
#include "cli/commands.h"
#include "core/result.h"
#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"
#include "store/store.h"

namespace kiban::cli {

constexpr std::string_view backup_path = "/_kiban/backup";

struct BackupSource {
  std::string directory{};            // Of the data.
  std::string key_file{};             // Empty: the one in the directory.
  const store::Store* rows{nullptr};  // Outlives the route.
};

// POST {"directory": an absolute path that does not exist or is empty} makes a backup there and
// answers once it is on disk; GET returns the state of the last one. One at a time. Every request
// passes Frontend::has_token first. The destructor waits for a running backup, which ends early.
class BackupRoute {
 public:
  BackupRoute(runtime::KernelThread& kernel, BackupSource source);
  ~BackupRoute();
  BackupRoute(const BackupRoute&) = delete;
  BackupRoute& operator=(const BackupRoute&) = delete;
  runtime::Handler handler();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Asks the server for one. Returns the exit code.
int back_up(const ClientOptions& client, const std::string& directory, const OutputOptions& output);

struct RestoreOptions {
  std::string backup{};
  std::string data{};      // Empty: the default directory. It must hold no rows.
  std::string key_file{};  // Empty: `key` in the data directory.
};
// Returns the exit code. An interrupted restore leaves a directory without rows; run it again.
int restore(const RestoreOptions& options);

}  // namespace kiban::cli
