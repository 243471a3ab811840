// Unpacks the zip of a function or a layer. Reads through minizip.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban::lambda {

// docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: a function with its layers.
constexpr std::uint64_t unpacked_bytes_max = 262'144'000;
constexpr std::size_t entries_max = 100'000;  // Our own bound.
constexpr std::size_t link_bytes_max = 4096;

// Unpacks `zip` into the folder `target`, which exists and may hold what others unpacked; a later
// entry replaces an earlier file. Files get the mode 0755 when their owner may execute them, else
// 0644; folders 0755. Symbolic links are made, and nothing is written through one. Returns the
// bytes that the files have, `bytes_max` at most. Error `InvalidZipFileException`: damaged,
// encrypted or too large; a path that leaves the folder, or is neither file, folder nor link.
Result<std::uint64_t> unpack_zip(std::string_view zip, const std::string& target,
                                 std::uint64_t bytes_max = unpacked_bytes_max);

}  // namespace kiban::lambda
