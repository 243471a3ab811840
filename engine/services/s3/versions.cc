// Which version of an object is the current one.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
#include <fmt/format.h>

#include <limits>

#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

// A version without an id has the id "null".
std::string id_of(const json::object& row) { return text(row, "VersionId", "null"); }

std::string versions_of(std::string_view bucket, const std::string& key) {
  return version_prefix(bucket) + key + '\0';
}

// Keys of rows that are not current, newest first.
std::string version_key(std::string_view bucket, const json::object& row) {
  const auto sequence = static_cast<std::uint64_t>(number(row, "Sequence", 0));
  return versions_of(bucket, text(row, "Key")) +
         fmt::format("{:020}", std::numeric_limits<std::uint64_t>::max() - sequence);
}

void keep_old(Context& context, std::string_view bucket, const json::object& row) {
  put_json(context, version_key(bucket, row), row);
}

void erase_null_version(Context& context, std::string_view bucket, const std::string& key) {
  for (const store::Row& row : context.scan(versions_of(bucket, key))) {
    if (const auto version = get_json(context, row.key); version && id_of(*version) == "null")
      context.erase(row.key);
  }
}

// The newest version becomes the current one, unless it is a delete marker.
void promote(Context& context, std::string_view bucket, const std::string& key) {
  const auto rows = context.scan(versions_of(bucket, key), {}, 1);
  if (rows.empty()) return;
  const auto newest = get_json(context, rows[0].key);
  if (!newest || flag(*newest, "DeleteMarker")) return;
  context.erase(rows[0].key);
  put_json(context, object_key(bucket, key), *newest);
}

std::string status_of(const json::object& bucket) {
  const json::object* configuration = find_object(bucket, "VersioningConfiguration");
  return configuration ? text(*configuration, "Status") : std::string();
}

// What was current makes room for a new version or marker, which gets its id.
void make_room(Context& context, const json::object& bucket, json::object& fresh) {
  const std::string name = text(bucket, "Name");
  const std::string key = text(fresh, "Key");
  const std::string status = status_of(bucket);
  fresh.erase("VersionId");
  fresh.erase("Sequence");
  if (status.empty()) return;
  const auto old = get_json(context, object_key(name, key));
  if (status == "Enabled") {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
    fresh["VersionId"] = context.random().pick(alphabet, 32);
  } else {
    erase_null_version(context, name, key);
  }
  fresh["Sequence"] = next_sequence(context);
  if (old && id_of(*old) != id_of(fresh)) keep_old(context, name, *old);
}

}  // namespace

Result<json::object> load_object(const Context& context, const json::object& input, Signed region) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input, region));
  const std::string name = text(input, "Bucket");
  const std::string key = text(input, "Key");
  const std::string wanted = text(input, "VersionId");
  auto row = get_json(context, object_key(name, key));
  if (wanted.empty()) {
    if (!row) return fail("NoSuchKey", "The specified key does not exist.");
    return *std::move(row);
  }
  if (row && id_of(*row) == wanted) return *std::move(row);
  for (json::object& version : list_json(context, versions_of(name, key))) {
    if (id_of(version) != wanted) continue;
    if (flag(version, "DeleteMarker"))
      return fail("MethodNotAllowed", "The specified method is not allowed against this resource.");
    return std::move(version);
  }
  return fail("NoSuchVersion", "The specified version does not exist.");
}

void rewrite_object(Context& context, std::string_view bucket, const json::object& row) {
  const std::string current = object_key(bucket, text(row, "Key"));
  const auto now = get_json(context, current);
  put_json(context, now && id_of(*now) == id_of(row) ? current : version_key(bucket, row), row);
}

json::object write_object(Context& context, const json::object& bucket, json::object row,
                          const Change& change) {
  make_room(context, bucket, row);
  put_json(context, object_key(text(bucket, "Name"), text(row, "Key")), row);
  announce(context, bucket, change, row);
  json::object out;
  if (row.contains("VersionId")) out["VersionId"] = row.at("VersionId");
  return out;
}

Result<json::object> remove_object(Context& context, const json::object& bucket,
                                   const std::string& key, const std::string& version_id) {
  constexpr Change removal{"ObjectRemoved:Delete", "DeleteObject"};
  const std::string name = text(bucket, "Name");
  const std::string current_key = object_key(name, key);
  if (version_id.empty()) {
    if (status_of(bucket).empty()) {
      if (const auto gone = get_json(context, current_key)) {
        context.erase(current_key);
        announce(context, bucket, removal, *gone);
      }
      return json::object{};
    }
    json::object marker{
        {"Key", key}, {"DeleteMarker", true}, {"LastModified", now_seconds(context)}};
    make_room(context, bucket, marker);
    context.erase(current_key);
    keep_old(context, name, marker);
    announce(context, bucket, {"ObjectRemoved:DeleteMarkerCreated", "DeleteObject"}, marker);
    return json::object{{"DeleteMarker", true}, {"VersionId", id_of(marker)}};
  }
  json::object out{{"VersionId", version_id}};
  const auto current = get_json(context, current_key);
  if (current && id_of(*current) == version_id) {
    context.erase(current_key);
    promote(context, name, key);
    announce(context, bucket, removal, *current);
    return out;
  }
  for (const store::Row& row : context.scan(versions_of(name, key))) {
    const auto version = get_json(context, row.key);
    if (!version || id_of(*version) != version_id) continue;
    context.erase(row.key);
    if (flag(*version, "DeleteMarker")) out["DeleteMarker"] = true;
    if (!current) promote(context, name, key);
    announce(context, bucket, removal, *version);
    return out;
  }
  return out;  // What is not there is deleted.
}

}  // namespace kiban::services::s3
