#include "core/zip.h"

#include <boost/crc.hpp>
#include <initializer_list>

namespace kiban {
namespace {

constexpr std::string_view end_mark{"PK\x05\x06", 4};
constexpr std::string_view entry_mark{"PK\x01\x02", 4};
constexpr std::string_view file_mark{"PK\x03\x04", 4};
constexpr std::size_t end_bytes = 22;
constexpr std::size_t entry_bytes = 46;
constexpr std::size_t comment_bytes_max = 65'535;
constexpr std::uint32_t zip64_mark = 0xffff'ffff;
constexpr std::uint16_t version_stored = 10;    // 1.0: files are stored.
constexpr std::uint16_t made_on_unix = 0x0300;  // The upper half of external attributes is a mode.
constexpr std::uint16_t date_1980 = 0x0021;
constexpr std::uint32_t regular_0644 = 0100644U << 16U;

std::uint32_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i > 0; --i)
    value = (value << 8U) | static_cast<unsigned char>(bytes[at + i - 1]);
  return value;
}

std::unexpected<Error> bad(std::string cause) { return fail("InvalidZip", std::move(cause)); }

void append(std::string& out, std::uint32_t value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    out += static_cast<char>(static_cast<unsigned char>((value >> (8 * i)) & 0xffU));
}
void append_16(std::string& out, std::initializer_list<std::uint16_t> values) {
  for (const std::uint16_t value : values) append(out, value, 2);
}

// The fields that a file's own header and its entry in the directory share.
std::string common_header(const ZipFile& file) {
  boost::crc_32_type crc;
  crc.process_bytes(file.content.data(), file.content.size());
  std::string out;
  append_16(out, {version_stored, 0, 0, 0, date_1980});  // Flags, method and time are 0.
  append(out, crc.checksum(), 4);
  append(out, static_cast<std::uint32_t>(file.content.size()), 4);
  append(out, static_cast<std::uint32_t>(file.content.size()), 4);
  append_16(out, {static_cast<std::uint16_t>(file.name.size()), 0});
  return out;
}

}  // namespace

Result<std::vector<ZipEntry>> read_zip_directory(std::string_view archive) {
  if (archive.size() < end_bytes) return bad("it is too short");
  const std::size_t end = archive.rfind(end_mark, archive.size() - end_bytes);
  if (end == std::string_view::npos || archive.size() - end > end_bytes + comment_bytes_max)
    return bad("it has no central directory");
  const std::uint32_t count = little_endian(archive, end + 10, 2);
  std::size_t at = little_endian(archive, end + 16, 4);
  if (at == zip64_mark || count == 0xffff) return bad("Zip64 is not supported");
  std::vector<ZipEntry> entries;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (at > end || end - at < entry_bytes || archive.substr(at, 4) != entry_mark)
      return bad("its central directory is damaged");
    const std::size_t name = little_endian(archive, at + 28, 2);
    const std::size_t extra = little_endian(archive, at + 30, 2);
    const std::size_t comment = little_endian(archive, at + 32, 2);
    if (end - at - entry_bytes < name) return bad("its central directory is damaged");
    entries.push_back({.name = std::string(archive.substr(at + entry_bytes, name)),
                       .size = little_endian(archive, at + 24, 4)});
    at += entry_bytes + name + extra + comment;
  }
  return entries;
}

std::string make_zip(const std::vector<ZipFile>& files) {
  std::string out;
  std::string directory;
  for (const ZipFile& file : files) {
    const std::string header = common_header(file);
    directory += entry_mark;
    append_16(directory, {made_on_unix | version_stored});
    directory += header;
    append_16(directory, {0, 0, 0});  // No comment, the first disk, binary.
    append(directory, regular_0644, 4);
    append(directory, static_cast<std::uint32_t>(out.size()), 4);
    directory += file.name;
    out += file_mark;
    out += header;
    out += file.name;
    out += file.content;
  }
  const auto begin = static_cast<std::uint32_t>(out.size());
  const auto count = static_cast<std::uint16_t>(files.size());
  out += directory;
  out += end_mark;
  append_16(out, {0, 0, count, count});
  append(out, static_cast<std::uint32_t>(directory.size()), 4);
  append(out, begin, 4);
  append_16(out, {0});
  return out;
}

}  // namespace kiban
