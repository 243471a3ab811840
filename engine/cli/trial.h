// A server of its own on a copy of a data directory, and a scenario's steps against it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/scenario.h"

namespace kiban::cli {

// A directory that only this user can read; removed with all in it, unless it is kept.
class WorkFolder {
 public:
  static Result<WorkFolder> make(bool keep);
  WorkFolder(WorkFolder&& other) noexcept;
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder();
  const std::string& path() const { return path_; }

 private:
  WorkFolder(std::string path, bool keep) : path_(std::move(path)), keep_(keep) {}
  std::string path_;
  bool keep_;
};

// Owners, modes and links as they are. Error CopyFailed. An empty `from` makes an empty directory.
Result<void> copy_directory(const std::string& from, const std::string& to);

// `kiban serve` under a virtual clock that enforces policies; the destructor stops it and what it
// runs.
class Trial {
 public:
  static Result<Trial> serve(const Scenario& scenario, const std::string& data);
  Trial(Trial&& other) noexcept;
  Trial& operator=(Trial&&) = delete;
  ~Trial();

  const Client& client() const { return client_; }
  // Nothing when all steps went as they are expected; else what did not, and then no further step.
  std::optional<std::string> run(const std::vector<Step>& steps) const;

 private:
  Trial(pid_t pid, Client client) : pid_(pid), client_(std::move(client)) {}
  pid_t pid_;
  Client client_;
};

}  // namespace kiban::cli
