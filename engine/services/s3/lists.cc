// Listings of objects.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include "api/codec.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

constexpr std::int64_t keys_max = 1'000;

struct Listing {
  json::array contents{};
  json::array common_prefixes{};
  bool truncated{false};
  std::string last{};  // Key or common prefix that came last.
};

// encoding-type=url: names percent-encoded, which botocore asks for always.
std::string shown(const json::object& input, std::string_view name) {
  return text(input, "EncodingType") == "url" ? api::encode_uri(name, "/") : std::string(name);
}

json::object entry_of(const json::object& row, const json::object& input) {
  json::object entry{{"Key", shown(input, text(row, "Key"))},
                     {"LastModified", row.at("LastModified")},
                     {"ETag", row.at("ETag")},
                     {"Size", row.at("Size")},
                     {"StorageClass", text(row, "StorageClass", "STANDARD")}};
  if (const json::object* checksum = find_object(row, "Checksum"); checksum && !checksum->empty()) {
    entry["ChecksumAlgorithm"] = json::array{checksum->begin()->key()};
    entry["ChecksumType"] = text(row, "ChecksumType", "FULL_OBJECT");
  }
  return entry;
}

// Keys under the prefix, behind `after`, in byte order; those with the delimiter behind the prefix
// are rolled up into one common prefix, which counts as one entry. Rows are read as they are
// needed, and none below a common prefix that is listed already.
Listing list(const Context& context, const json::object& input, const std::string& after,
             std::int64_t limit) {
  const std::string prefix = text(input, "Prefix");
  const std::string delimiter = text(input, "Delimiter");
  const std::string base = object_key(text(input, "Bucket"), "");
  Listing out;
  if (limit == 0) return out;  // As S3 answers, whatever there is.
  // No key of an object, which is UTF-8, has this byte.
  const auto behind = [&](const std::string& rolled) { return base + rolled + "\xff"; };
  std::string from = after.empty() ? std::string() : base + after;
  if (!delimiter.empty() && after.ends_with(delimiter)) from = behind(after);
  std::int64_t count = 0;
  constexpr std::size_t rows_max = 1'001;
  constexpr std::size_t rows_among_prefixes = 8;  // The next row is often below the same one.
  std::size_t chunk = rows_max;
  for (bool last = false; !last;) {
    const std::vector<store::Row> rows = context.scan(base + prefix, from, chunk);
    last = rows.size() < chunk;
    for (const store::Row& row : rows) {
      if (count == limit) {
        out.truncated = true;
        return out;
      }
      ++count;
      from = row.key;
      const std::string key = row.key.substr(base.size());
      const std::size_t at =
          delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
      if (at == std::string::npos) {
        out.contents.push_back(entry_of(object_of(row.key, row.value), input));
        out.last = key;
        chunk = rows_max;
        continue;
      }
      out.last = key.substr(0, at + delimiter.size());
      out.common_prefixes.push_back(json::object{{"Prefix", shown(input, out.last)}});
      from = behind(out.last);
      chunk = rows_among_prefixes;
      last = false;
      break;
    }
  }
  return out;
}

json::object frame(const json::object& input, const Listing& listing, std::int64_t limit) {
  json::object out{{"Name", input.at("Bucket")},
                   {"Prefix", shown(input, text(input, "Prefix"))},
                   {"MaxKeys", limit},
                   {"IsTruncated", listing.truncated}};
  if (!listing.common_prefixes.empty()) out["CommonPrefixes"] = listing.common_prefixes;
  if (input.contains("Delimiter")) out["Delimiter"] = shown(input, text(input, "Delimiter"));
  if (input.contains("EncodingType")) out["EncodingType"] = input.at("EncodingType");
  return out;
}

Result<std::int64_t> limit_of(const json::object& input) {
  const std::int64_t keys = number(input, "MaxKeys", keys_max);
  if (keys < 0 || keys > std::numeric_limits<std::int32_t>::max())
    return fail("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647");
  return std::min(keys, keys_max);
}

void add_owner(const Context& context, json::array& contents) {
  for (json::value& entry : contents)
    entry.as_object()["Owner"] = {{"DisplayName", context.caller().account},
                                  {"ID", context.caller().account}};
}

Result<json::object> list_v2(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  std::string after = text(input, "StartAfter");
  if (input.contains("ContinuationToken")) {
    const auto token = api::decode_base64(text(input, "ContinuationToken"));
    if (!token || !token->starts_with("key:")) {
      return fail("InvalidArgument", "The continuation token provided is incorrect");
    }
    after = token->substr(4);
  }
  KIBAN_TRY(const std::int64_t limit, limit_of(input));
  const Listing listing = list(context, input, after, limit);
  json::object out = frame(input, listing, limit);
  out["KeyCount"] = listing.contents.size() + listing.common_prefixes.size();
  if (!listing.contents.empty()) {
    json::array contents = listing.contents;
    if (flag(input, "FetchOwner")) add_owner(context, contents);
    out["Contents"] = std::move(contents);
  }
  if (input.contains("StartAfter")) out["StartAfter"] = shown(input, text(input, "StartAfter"));
  if (input.contains("ContinuationToken")) out["ContinuationToken"] = input.at("ContinuationToken");
  if (listing.truncated) {
    out["NextContinuationToken"] = api::encode_base64("key:" + listing.last);
  }
  return out;
}

Result<json::object> list_v1(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  KIBAN_TRY(const std::int64_t limit, limit_of(input));
  const Listing listing = list(context, input, text(input, "Marker"), limit);
  json::object out = frame(input, listing, limit);
  out["Marker"] = shown(input, text(input, "Marker"));
  if (!listing.contents.empty()) {
    json::array contents = listing.contents;
    add_owner(context, contents);
    out["Contents"] = std::move(contents);
  }
  // Only with a delimiter; without, the last key is the next marker: API_ListObjects.html
  if (listing.truncated && input.contains("Delimiter")) {
    out["NextMarker"] = shown(input, listing.last);
  }
  return out;
}

// All versions of one key, newest first; the first is the latest.
using Versions = std::vector<json::object>;

std::map<std::string, Versions> all_versions(const Context& context, const std::string& bucket,
                                             const std::string& prefix) {
  std::map<std::string, Versions> keys;
  for (json::object& row : list_json(context, object_key(bucket, prefix)))
    keys[text(row, "Key")].push_back(std::move(row));
  for (json::object& row : list_json(context, version_prefix(bucket) + prefix))
    keys[text(row, "Key")].push_back(std::move(row));
  return keys;
}

struct VersionListing {
  json::array versions{};
  json::array markers{};
  json::array prefixes{};
  bool truncated{false};
  std::string last_key{};
  std::string last_id{};
  std::size_t size() const { return versions.size() + markers.size() + prefixes.size(); }
};

void add_version(VersionListing& listing, const json::object& row, const json::object& input,
                 bool latest) {
  listing.last_key = text(row, "Key");
  listing.last_id = text(row, "VersionId", "null");
  json::object entry{{"Key", shown(input, listing.last_key)},
                     {"LastModified", row.at("LastModified")}};
  const bool marker = flag(row, "DeleteMarker");
  if (!marker) entry = entry_of(row, input);
  entry["VersionId"] = listing.last_id;
  entry["IsLatest"] = latest;
  (marker ? listing.markers : listing.versions).push_back(std::move(entry));
}

// Behind KeyMarker, or behind the version VersionIdMarker of it.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
VersionListing versions_page(const Context& context, const json::object& input,
                             std::int64_t limit) {
  const std::string prefix = text(input, "Prefix");
  const std::string delimiter = text(input, "Delimiter");
  const std::string marker = text(input, "KeyMarker");
  const std::string id_marker = text(input, "VersionIdMarker");
  VersionListing listing;
  if (limit == 0) return listing;
  std::string rolled;
  if (!delimiter.empty() && marker.ends_with(delimiter)) rolled = marker;
  for (const auto& [key, versions] : all_versions(context, text(input, "Bucket"), prefix)) {
    if (!marker.empty() && (key < marker || (key == marker && id_marker.empty()))) continue;
    if (!rolled.empty() && key.starts_with(rolled)) continue;
    const std::size_t at =
        delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    bool behind = key != marker;
    for (std::size_t i = 0; i < versions.size(); ++i) {
      if (!behind) {
        behind = text(versions[i], "VersionId", "null") == id_marker;
        continue;
      }
      if (listing.size() == static_cast<std::size_t>(limit)) {
        listing.truncated = true;
        return listing;
      }
      if (at == std::string::npos) {
        add_version(listing, versions[i], input, i == 0);
        continue;
      }
      rolled = key.substr(0, at + delimiter.size());
      listing.prefixes.push_back(json::object{{"Prefix", shown(input, rolled)}});
      listing.last_key = rolled;
      listing.last_id.clear();
      break;
    }
  }
  return listing;
}

Result<json::object> list_versions(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
  if (input.contains("VersionIdMarker") && text(input, "KeyMarker").empty())
    return fail("InvalidArgument", "A version-id marker cannot be specified without a key marker.");
  KIBAN_TRY(const std::int64_t limit, limit_of(input));
  VersionListing listing = versions_page(context, input, limit);
  json::object out =
      frame(input, {.common_prefixes = std::move(listing.prefixes), .truncated = listing.truncated},
            limit);
  out["KeyMarker"] = shown(input, text(input, "KeyMarker"));
  out["VersionIdMarker"] = text(input, "VersionIdMarker");
  if (!listing.versions.empty()) out["Versions"] = std::move(listing.versions);
  if (!listing.markers.empty()) out["DeleteMarkers"] = std::move(listing.markers);
  if (listing.truncated) {
    out["NextKeyMarker"] = shown(input, listing.last_key);
    if (!listing.last_id.empty()) out["NextVersionIdMarker"] = listing.last_id;
  }
  return out;
}

}  // namespace

const CheckedTable& list_operations() {
  static const CheckedTable table = {
      {"ListObjectVersions",
       {list_versions,
        "Bucket Delimiter EncodingType ExpectedBucketOwner KeyMarker MaxKeys "
        "OptionalObjectAttributes Prefix RequestPayer VersionIdMarker"}},
      {"ListObjects",
       {list_v1,
        "Bucket Delimiter EncodingType ExpectedBucketOwner Marker MaxKeys OptionalObjectAttributes "
        "Prefix RequestPayer"}},
      {"ListObjectsV2",
       {list_v2,
        "Bucket ContinuationToken Delimiter EncodingType ExpectedBucketOwner FetchOwner MaxKeys "
        "OptionalObjectAttributes Prefix RequestPayer StartAfter"}},
  };
  return table;
}

}  // namespace kiban::services::s3
