// Reads files of a container's root directory without following anything out of it.
#pragma once

#include <string>

#include "core/result.h"

namespace kiban::containers {

// The content of `path` as a process whose root directory is `root` would read it: links, absolute
// ones too, are resolved inside of `root`. Empty when the file does not exist. Error
// `CannotStartContainerError` when it is not a regular file or larger than 1 MiB.
Result<std::string> read_image_file(const std::string& root, const std::string& path);

// Whether `name` is what ECS allows as the name of a container or volume: 1 to 255 letters,
// numbers, underscores and hyphens, so that it can be a part of a path.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (name)
bool is_valid_name(const std::string& name);

}  // namespace kiban::containers
