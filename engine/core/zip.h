// ZIP archives, as far as functions' code needs them: the directory is read, files are stored.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace kiban {

struct ZipEntry {
  std::string name{};     // Bytes as the archive has them.
  std::uint64_t size{0};  // Bytes once unpacked, as the directory says.
  bool operator==(const ZipEntry&) const = default;
};

// The central directory of an archive of one file without Zip64. Error `InvalidZip`.
Result<std::vector<ZipEntry>> read_zip_directory(std::string_view archive);

struct ZipFile {
  std::string name{};
  std::string content{};
};
// An archive of these files, not compressed, with mode 0644 and the date 1980-01-01, so that the
// same files give the same bytes. Names and contents have less than 4 GiB in all.
std::string make_zip(const std::vector<ZipFile>& files);

}  // namespace kiban
