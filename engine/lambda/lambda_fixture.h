// Zips for tests, written through minizip.
#pragma once

#include <minizip/zip.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace kiban::lambda {

struct ZipEntry {
  std::string path{};
  std::string content{};
  unsigned mode{0100644};
};

// The bytes of a zip with these entries, made below `folder`.
inline std::string make_zip(const std::string& folder, const std::vector<ZipEntry>& entries) {
  const std::string path = folder + "/made.zip";
  std::filesystem::remove(path);
  zipFile zip = zipOpen64(path.c_str(), APPEND_STATUS_CREATE);
  for (const ZipEntry& entry : entries) {
    zip_fileinfo info{};
    info.external_fa = static_cast<uLong>(entry.mode) << 16;
    constexpr uLong made_by_unix = 3 << 8;
    zipOpenNewFileInZip4_64(zip, entry.path.c_str(), &info, nullptr, 0, nullptr, 0, nullptr,
                            Z_DEFLATED, Z_DEFAULT_COMPRESSION, 0, -MAX_WBITS, DEF_MEM_LEVEL,
                            Z_DEFAULT_STRATEGY, nullptr, 0, made_by_unix, 0, 0);
    zipWriteInFileInZip(zip, entry.content.data(), static_cast<unsigned>(entry.content.size()));
    zipCloseFileInZip(zip);
  }
  zipClose(zip, nullptr);
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace kiban::lambda
