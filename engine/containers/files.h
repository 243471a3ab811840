// Small files, whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban::containers {

// Its content; empty when it can't be read.
std::string read_file(const std::string& path);
// The engine's umask is 077. What users of a container have to read or pass gets 0644, a folder
// 0755.
Result<void> make_readable(const std::string& path);
// Owner and group.
Result<void> give_to(const std::string& path, std::uint32_t id);
// Under another name first, so that a reader sees all of it or nothing. Error `WriteFailed`.
Result<void> write_file(const std::string& path, std::string_view content);

}  // namespace kiban::containers
