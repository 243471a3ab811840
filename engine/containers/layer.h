// The storage that a task's containers write to, bounded in size: a file system of its own in a
// sparse file, mounted over a loop device.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "core/result.h"

namespace kiban::containers {

// Why storage can't be bounded on this host; empty when it can.
std::string layers_missing();

class Layers {
 public:
  // `templates` is a folder that keeps one empty file system for each size.
  explicit Layers(std::string templates) : templates_(std::move(templates)) {}
  // Mounts DIRECTORY/layer with `gib` GiB; a folder without bound where layers_missing() says so.
  // What is mounted there already stays. Error `ResourceInitializationError`.
  Result<void> open(const std::string& directory, std::int64_t gib);

 private:
  Result<std::string> template_of(std::int64_t gib);

  std::string templates_;
  std::mutex mutex_{};
};

// Unmounts and erases DIRECTORY/layer.
void close_layer(const std::string& directory);

}  // namespace kiban::containers
