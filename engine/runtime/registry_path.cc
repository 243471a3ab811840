#include "runtime/registry_path.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "api/codec.h"

namespace kiban::runtime {

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint64_t> read_number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// The meaning of a path's last parts, and how many of them do not belong to the repository's name.
struct Ending {
  RegistryPath::Kind kind{RegistryPath::Kind::Base};
  std::size_t parts{0};
};

std::optional<Ending> ending_of(const std::vector<std::string_view>& parts) {
  using Kind = RegistryPath::Kind;
  const auto from_end = [&](std::size_t back) {
    return back < parts.size() ? parts[parts.size() - 1 - back] : std::string_view{};
  };
  if (from_end(2) == "blobs" && from_end(1) == "uploads")
    return Ending{.kind = from_end(0).empty() ? Kind::Uploads : Kind::Upload, .parts = 3};
  if (from_end(1) == "blobs" && from_end(0) == "uploads")
    return Ending{.kind = Kind::Uploads, .parts = 2};
  if (from_end(0).empty()) return std::nullopt;
  if (from_end(1) == "blobs") return Ending{.kind = Kind::Blob, .parts = 2};
  if (from_end(1) == "manifests") return Ending{.kind = Kind::Manifest, .parts = 2};
  if (from_end(1) == "tags" && from_end(0) == "list") return Ending{.kind = Kind::Tags, .parts = 2};
  return std::nullopt;
}

}  // namespace

std::string RegistryPath::parameter(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string{} : found->second;
}

std::optional<RegistryPath> parse_registry_path(std::string_view target) {
  constexpr std::string_view prefix = "/v2/";
  const std::size_t question = target.find('?');
  const auto decoded = api::decode_uri(target.substr(0, question));
  if (!decoded || !decoded->starts_with(prefix)) return std::nullopt;
  RegistryPath path;
  const std::string_view query =
      question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  for (const std::string_view pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    const auto name = api::decode_uri(pair.substr(0, equals), api::Plus::IsSpace);
    const auto value = equals == std::string_view::npos
                           ? Result<std::string>(std::string{})
                           : api::decode_uri(pair.substr(equals + 1), api::Plus::IsSpace);
    if (!name || !value) return std::nullopt;
    if (!name->empty()) path.query.insert_or_assign(*name, *value);
  }
  const std::string_view rest = std::string_view(*decoded).substr(prefix.size());
  if (rest.empty()) return path;
  const std::vector<std::string_view> parts = split(rest, '/');
  const std::optional<Ending> ending = ending_of(parts);
  if (!ending || parts.size() <= ending->parts) return std::nullopt;
  path.kind = ending->kind;
  for (std::size_t i = 0; i + ending->parts < parts.size(); ++i) {
    if (i > 0) path.repository += '/';
    path.repository += parts[i];
  }
  if (path.repository.empty()) return std::nullopt;
  if (path.kind != RegistryPath::Kind::Uploads && path.kind != RegistryPath::Kind::Tags)
    path.reference = parts.back();
  return path;
}

std::optional<ByteRange> parse_byte_range(std::string_view header, std::uint64_t size) {
  const ByteRange whole{.size = size};
  constexpr std::string_view unit = "bytes=";
  const std::size_t dash = header.find('-');
  if (!header.starts_with(unit) || dash == std::string_view::npos) return whole;
  const std::string_view first = header.substr(unit.size(), dash - unit.size());
  const std::string_view last = header.substr(dash + 1);
  const auto from = read_number(first);
  const auto to = read_number(last);
  if ((!first.empty() && !from) || (!last.empty() && !to) || (!from && !to)) return whole;
  if (!from) {
    if (*to == 0 || size == 0) return std::nullopt;
    const std::uint64_t count = std::min(*to, size);
    return ByteRange{.offset = size - count, .size = count};
  }
  if (to && *to < *from) return whole;
  if (*from >= size) return std::nullopt;
  return ByteRange{.offset = *from, .size = std::min(to.value_or(size - 1), size - 1) - *from + 1};
}

}  // namespace kiban::runtime
