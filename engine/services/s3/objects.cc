// Objects, one at a time.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/codec.h"
#include "services/s3/rows.h"
#include "store/blobs.h"

namespace kiban::services::s3 {
namespace {

constexpr std::size_t key_bytes_max = 1'024;

// Members that a PUT gives and a GET returns.
constexpr std::string_view kept_members[] = {
    "CacheControl",         "ContentDisposition", "ContentEncoding",
    "ContentLanguage",      "ContentType",        "Metadata",
    "ServerSideEncryption", "StorageClass",       "WebsiteRedirectLocation"};
// Members whose meaning kiban does not have; what asks for them is refused.
constexpr std::string_view refused_members[] = {"SSECustomerAlgorithm", "ObjectLockMode",
                                                "ObjectLockRetainUntilDate", "WriteOffsetBytes",
                                                "ObjectLockLegalHoldStatus"};

Result<void> refuse_unsupported(const json::object& input) {
  for (const std::string_view member : refused_members) {
    if (input.contains(member)) {
      return fail("NotImplemented", fmt::format("kiban does not honour {}", member));
    }
  }
  return {};
}

Result<json::object> load_object(const Context& context, const json::object& input,
                                 std::string_view error) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  auto row = get_json(context, object_key(text(input, "Bucket"), text(input, "Key")));
  if (!row) return fail(std::string(error), "The specified key does not exist.");
  const std::string version = text(input, "VersionId", "null");
  if (version != "null") return fail("NoSuchVersion", "The specified version does not exist.");
  return *std::move(row);
}

std::string quoted(std::string_view etag) {
  return etag.starts_with('"') ? std::string(etag) : fmt::format("\"{}\"", etag);
}

bool one_of(const std::string& list, const std::string& etag) {
  return list == "*" || list.find(quoted(etag)) != std::string::npos || quoted(list) == etag;
}

// Hex to base64, as x-amz-checksum-sha256 carries it.
std::string base64_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return api::encode_base64(bytes);
}

Result<void> check_put(const Context& context, const json::object& input,
                       const std::string& digest) {
  KIBAN_TRY_VOID(refuse_unsupported(input));
  if (text(input, "Key").size() > key_bytes_max) {
    return fail("KeyTooLongError", "Your key is too long");
  }
  if (input.contains("ChecksumSHA256") && text(input, "ChecksumSHA256") != base64_of_hex(digest)) {
    return fail("BadDigest", "The SHA256 you specified did not match the calculated checksum.");
  }
  const auto old = get_json(context, object_key(text(input, "Bucket"), text(input, "Key")));
  const bool none = !input.contains("IfNoneMatch") || !old;
  const bool match =
      !input.contains("IfMatch") || (old && one_of(text(input, "IfMatch"), text(*old, "ETag")));
  if (none && match) return {};
  return fail("PreconditionFailed",
              "At least one of the pre-conditions you specified did not hold");
}

// The MD5 of the content, which came with it over the wire.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
Result<std::string> etag_of(const Context& context, const json::object* body,
                            const std::string& digest) {
  if (body && body->contains("Md5")) return fmt::format("\"{}\"", text(*body, "Md5"));
  KIBAN_TRY(const std::string bytes, context.read_blob(digest));
  return fmt::format("\"{}\"", store::md5_hex(bytes));
}

Result<json::object> put_object(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  const json::object* body = find_object(input, "Body");
  const std::string digest = body ? text(*body, "Digest") : context.put_blob("");
  KIBAN_TRY_VOID(check_put(context, input, digest));
  KIBAN_TRY(const std::string etag, etag_of(context, body, digest));
  json::object row{{"Key", input.at("Key")},
                   {"Digest", digest},
                   {"Size", body ? number(*body, "Size", 0) : 0},
                   {"ETag", etag},
                   {"LastModified", epoch_seconds(context.now())}};
  for (const std::string_view member : kept_members) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  if (!row.contains("ServerSideEncryption")) row["ServerSideEncryption"] = "AES256";
  put_json(context, object_key(text(input, "Bucket"), text(input, "Key")), row);
  json::object out{{"ETag", etag}, {"ServerSideEncryption", row.at("ServerSideEncryption")}};
  if (input.contains("ChecksumSHA256")) out["ChecksumSHA256"] = input.at("ChecksumSHA256");
  return out;
}

// 304 and 412: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
Result<void> check_conditions(const json::object& row, const json::object& input) {
  const std::string etag = text(row, "ETag");
  const double modified = row.at("LastModified").to_number<double>();
  const auto time = [&](std::string_view member) { return input.at(member).to_number<double>(); };
  const bool has_match = input.contains("IfMatch");
  const bool has_none = input.contains("IfNoneMatch");
  if ((has_match && !one_of(text(input, "IfMatch"), etag)) ||
      (!has_match && input.contains("IfUnmodifiedSince") && modified > time("IfUnmodifiedSince"))) {
    return fail("PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold");
  }
  if ((has_none && one_of(text(input, "IfNoneMatch"), etag)) ||
      (!has_none && input.contains("IfModifiedSince") && modified <= time("IfModifiedSince"))) {
    return fail("NotModified", "Not Modified");
  }
  return {};
}

struct Part {
  std::int64_t from{0};
  std::int64_t size{0};
  bool whole{true};
};

// bytes=0-9, bytes=10-, bytes=-5. What can't be read as one range is ignored, as S3 does.
Result<Part> part_of(const std::string& range, std::int64_t size) {
  const Part whole{.size = size};
  const std::size_t dash = range.find('-');
  if (!range.starts_with("bytes=") || dash == std::string::npos) return whole;
  const auto read = [](std::string_view digits) -> std::int64_t {
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? value : -1;
  };
  const std::string_view first = std::string_view(range).substr(6, dash - 6);
  const std::string_view last = std::string_view(range).substr(dash + 1);
  std::int64_t from = read(first);
  std::int64_t to = last.empty() ? size - 1 : read(last);
  if (first.empty()) {
    from = std::max<std::int64_t>(0, size - to);
    to = size - 1;
  }
  if (from < 0 || (!last.empty() && read(last) < 0)) return whole;
  to = std::min(to, size - 1);
  if (from >= size || to < from) {
    return fail("InvalidRange", "The requested range is not satisfiable");
  }
  return Part{.from = from, .size = to - from + 1, .whole = false};
}

json::object described(const json::object& row, const json::object& input, const Part& part) {
  const std::int64_t size = number(row, "Size", 0);
  json::object out{{"AcceptRanges", "bytes"},
                   {"ETag", row.at("ETag")},
                   {"LastModified", row.at("LastModified")},
                   {"ContentLength", part.size}};
  for (const std::string_view member : kept_members) {
    if (row.contains(member)) out[member] = row.at(member);
    const std::string response = fmt::format("Response{}", member);
    if (input.contains(response)) out[member] = input.at(response);
  }
  if (!out.contains("ContentType")) out["ContentType"] = "binary/octet-stream";
  if (text(out, "StorageClass") == "STANDARD") out.erase("StorageClass");
  if (!part.whole) {
    out["ContentRange"] = fmt::format("bytes {}-{}/{}", part.from, part.from + part.size - 1, size);
  }
  if (text(input, "ChecksumMode") == "ENABLED" && part.whole) {
    out["ChecksumSHA256"] = base64_of_hex(text(row, "Digest"));
  }
  return out;
}

Result<json::object> get_object(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unsupported(input));
  KIBAN_TRY(const json::object row, load_object(context, input, "NoSuchKey"));
  KIBAN_TRY_VOID(check_conditions(row, input));
  KIBAN_TRY(const Part part, part_of(text(input, "Range"), number(row, "Size", 0)));
  json::object out = described(row, input, part);
  out["Body"] = {{"Digest", row.at("Digest")}, {"Offset", part.from}, {"Size", part.size}};
  return out;
}

Result<json::object> head_object(Context& context, const json::object& input) {
  auto row = load_object(context, input, "NotFound");
  if (!row) return fail("NotFound", "Not Found");
  KIBAN_TRY_VOID(check_conditions(*row, input));
  return described(*row, input, {.size = number(*row, "Size", 0)});
}

Result<json::object> delete_object(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  context.erase(object_key(text(input, "Bucket"), text(input, "Key")));
  return json::object{};
}

Result<json::object> delete_objects(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  const json::object* request = find_object(input, "Delete");
  const json::array* objects = request ? find_array(*request, "Objects") : nullptr;
  if (!objects) return fail("MalformedXML", "Delete must name its Objects");
  json::array deleted;
  for (const json::value& object : *objects) {
    const std::string key = text(object.as_object(), "Key");
    context.erase(object_key(text(input, "Bucket"), key));
    deleted.push_back(json::object{{"Key", key}});
  }
  if (flag(*request, "Quiet")) return json::object{};
  return json::object{{"Deleted", std::move(deleted)}};
}

// CopySource: "/bucket/key" or "bucket/key", percent-encoded, perhaps with ?versionId=…
Result<json::object> source_of_copy(const Context& context, const json::object& input) {
  const std::string given = text(input, "CopySource");
  const std::string decoded =
      api::decode_uri(std::string_view(given).substr(0, given.find('?'))).value_or("");
  const std::size_t start = decoded.starts_with('/') ? 1 : 0;
  const std::size_t slash = decoded.find('/', start);
  if (slash == std::string::npos) {
    return fail("InvalidArgument", "Copy Source must mention the source bucket and key");
  }
  return load_object(
      context,
      {{"Bucket", decoded.substr(start, slash - start)}, {"Key", decoded.substr(slash + 1)}},
      "NoSuchKey");
}

Result<json::object> copy_object(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_unsupported(input));
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  KIBAN_TRY(json::object row, source_of_copy(context, input));
  const bool replace = text(input, "MetadataDirective", "COPY") == "REPLACE";
  for (const std::string_view member : kept_members) {
    const bool about_content = member != "ServerSideEncryption" && member != "StorageClass";
    if (replace && about_content) row.erase(member);
    if (input.contains(member) && (replace || !about_content)) row[member] = input.at(member);
  }
  row["Key"] = input.at("Key");
  row["LastModified"] = epoch_seconds(context.now());
  put_json(context, object_key(text(input, "Bucket"), text(input, "Key")), row);
  return json::object{
      {"CopyObjectResult", {{"ETag", row.at("ETag")}, {"LastModified", row.at("LastModified")}}},
      {"ServerSideEncryption", text(row, "ServerSideEncryption", "AES256")}};
}

}  // namespace

const OperationTable& object_operations() {
  static const OperationTable table = {
      {"CopyObject", copy_object},       {"DeleteObject", delete_object},
      {"DeleteObjects", delete_objects}, {"GetObject", get_object},
      {"HeadObject", head_object},       {"PutObject", put_object},
  };
  return table;
}

}  // namespace kiban::services::s3
