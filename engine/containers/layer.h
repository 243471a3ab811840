// The storage that a task's containers write to, bounded in size: a file system of its own in a
// sparse file, mounted over a loop device.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/result.h"
#include "runtime/child.h"

namespace kiban::containers {

// Why storage can't be bounded on this host; empty when it can.
std::string layers_missing();

// Keeps a few empty file systems ready, of the size last requested, so that the start of a task
// does not wait for one. They are mounted nowhere and their files have no names: the kernel frees
// them, their loop devices and their blocks when this process ends, in whatever way.
class Layers {
 public:
  // `templates` is a folder that keeps one empty file system for each size.
  explicit Layers(std::string templates);
  // Mounts DIRECTORY/layer with `mib` MiB; a folder without bound where layers_missing() says so.
  // An existing mount is kept. Error `ResourceInitializationError`.
  Result<void> open(const std::string& directory, std::int64_t mib);

 private:
  struct Spare {
    std::int64_t mib{0};
    runtime::Descriptor mount{};
  };
  Result<std::string> template_of(std::int64_t mib);
  // An empty file system that is mounted nowhere yet.
  Result<runtime::Descriptor> make(std::int64_t mib);
  // A spare one of that size, if there is one. Others are made in its place soon.
  std::optional<runtime::Descriptor> take(std::int64_t mib);
  void make_spares(const std::stop_token& stop);

  std::string templates_;
  std::mutex templates_mutex_{};
  std::mutex mutex_{};  // Of what follows.
  std::condition_variable_any asked_{};
  std::optional<std::int64_t> wanted_mib_{};
  std::vector<Spare> spares_{};
  std::jthread maker_{};  // Last: it uses the rest until it has ended.
};

// Unmounts and erases DIRECTORY/layer.
void close_layer(const std::string& directory);

}  // namespace kiban::containers
