// Multipart uploads.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
//
// A part's bytes are on disk before its row is; completing an upload joins rows, not bytes.
#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "core/letters.h"
#include "services/s3/configurations.h"
#include "services/s3/content.h"
#include "services/s3/copies.h"
#include "services/s3/notifications.h"
#include "services/s3/rows.h"
#include "store/blobs.h"

namespace kiban::services::s3 {
namespace {

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
constexpr std::int64_t part_number_max = 10'000;
constexpr std::int64_t part_bytes_min = 5LL * 1024 * 1024;  // Save the last.
constexpr std::int64_t page_max = 1'000;

std::string upload_key(std::string_view bucket, std::string_view key, std::string_view id) {
  return fmt::format("{}{}{}{}", upload_prefix(bucket), key, '\0', id);
}

std::string part_key(std::string_view id, std::int64_t part_number) {
  return fmt::format("{}{:05}", part_prefix(id), part_number);
}

json::object somebody(const Context& context) {
  return {{"DisplayName", context.caller().account}, {"ID", context.caller().account}};
}

// Which checksum the object will have, and whether of all its bytes or of its parts' checksums.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
Result<std::string> checksum_type(api::ChecksumKind kind, const std::string& asked) {
  const bool full_only = kind == api::ChecksumKind::Crc64nvme;
  if (asked.empty()) return std::string(full_only ? "FULL_OBJECT" : "COMPOSITE");
  if (asked == "FULL_OBJECT" ? api::is_crc(kind) : !full_only) return asked;
  return fail("InvalidRequest",
              fmt::format("The {} checksum type cannot be used with the {} checksum algorithm.",
                          asked, lower_case(api::name_of(kind))));
}

Result<json::object> create_upload(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY_VOID(check_key(input));
  KIBAN_TRY_VOID(check_acl(bucket, input));
  KIBAN_TRY(const Wanted wanted, wanted_checksum(input));
  if (!wanted.kind && input.contains("ChecksumType"))
    return fail("InvalidRequest",
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
                "header.");
  // Ids in the order of the uploads, for ListMultipartUploads.
  const std::string id =
      fmt::format("{:016x}{}", next_sequence(context), context.secrets().hex(48));
  json::object row{{"Key", input.at("Key")}, {"UploadId", id}, {"Initiated", now_seconds(context)}};
  if (!input.contains("ServerSideEncryption")) encrypt_by_default(bucket, row);
  json::object out{{"Bucket", input.at("Bucket")}, {"Key", input.at("Key")}, {"UploadId", id}};
  if (wanted.kind) {
    KIBAN_TRY(const std::string type, checksum_type(*wanted.kind, text(input, "ChecksumType")));
    row["ChecksumAlgorithm"] = api::name_of(*wanted.kind);
    row["ChecksumType"] = type;
    out["ChecksumAlgorithm"] = api::name_of(*wanted.kind);
    out["ChecksumType"] = type;
  }
  for (const KeptMember& member : kept_members) {
    if (input.contains(member.name)) row[member.name] = input.at(member.name);
  }
  if (input.contains("Tagging")) {
    KIBAN_TRY(json::array tags, read_tagging_header(text(input, "Tagging")));
    row["Tags"] = std::move(tags);
  }
  out["ServerSideEncryption"] = row.at("ServerSideEncryption");
  if (input.contains("ACL")) row["ACL"] = input.at("ACL");
  put_json(context, upload_key(text(bucket, "Name"), text(row, "Key"), id), row);
  return out;
}

// A part keeps a CRC64NVME beside the checksum that it came with: that of an upload which names no
// algorithm.
Result<json::object> put_part(Context& context, const json::object& input, const Content& content,
                              std::optional<api::ChecksumKind> kind) {
  const std::int64_t part_number = number(input, "PartNumber", 0);
  json::object checksum;
  for (const auto& [name, value] : content.checksums) {
    const auto known = api::find_checksum(name);
    if (known && (known == kind || known == api::ChecksumKind::Crc64nvme)) checksum[name] = value;
  }
  json::object row{{"PartNumber", part_number},
                   {"Size", content.size},
                   {"ETag", fmt::format("\"{}\"", content.md5)},
                   {"LastModified", now_seconds(context)},
                   {"Checksum", std::move(checksum)}};
  if (kind) row["Shown"] = api::name_of(*kind);
  set_pieces(row, content.pieces);
  put_json(context, part_key(text(input, "UploadId"), part_number), row);
  return row;
}

// The checksum that the part came with.
void show_part_checksum(const json::object& part, json::object& out) {
  const std::string name = text(part, "Shown");
  if (!name.empty()) out[fmt::format("Checksum{}", name)] = part.at("Checksum").at(name);
}

Result<void> check_part_number(const json::object& input) {
  const std::int64_t part_number = number(input, "PartNumber", 0);
  if (part_number >= 1 && part_number <= part_number_max) return {};
  return fail(
      "InvalidArgument",
      fmt::format("Part number must be an integer between 1 and {}, inclusive", part_number_max));
}

Result<json::object> upload_part(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_part_number(input));
  KIBAN_TRY(const json::object upload, load_upload(context, input));
  KIBAN_TRY(const Wanted wanted, wanted_checksum(input));
  const auto promised = api::find_checksum(text(upload, "ChecksumAlgorithm"));
  if (promised && wanted.kind && promised != wanted.kind)
    return fail("InvalidRequest",
                fmt::format("Checksum Type mismatch occurred, expected checksum Type: {}, actual "
                            "checksum Type: {}",
                            api::name_of(*promised), api::name_of(*wanted.kind)));
  const auto kind = promised ? promised : wanted.kind;
  KIBAN_TRY(Content content, read_content(context, input, kind));
  KIBAN_TRY_VOID(check_content(content, input, wanted));
  KIBAN_TRY_VOID(complete_content(context, content, api::ChecksumKind::Crc64nvme));
  KIBAN_TRY(const json::object part, put_part(context, input, content, kind));
  json::object out{{"ETag", part.at("ETag")},
                   {"ServerSideEncryption", upload.at("ServerSideEncryption")}};
  show_part_checksum(part, out);
  return out;
}

Result<json::object> copy_part(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_part_number(input));
  KIBAN_TRY(const json::object upload, load_upload(context, input));
  KIBAN_TRY(Source source, copy_source(context, input));
  KIBAN_TRY_VOID(complete_content(context, source.content, api::ChecksumKind::Crc64nvme));
  const auto promised = api::find_checksum(text(upload, "ChecksumAlgorithm"));
  KIBAN_TRY(const json::object part, put_part(context, input, source.content, promised));
  json::object result{{"ETag", part.at("ETag")}, {"LastModified", part.at("LastModified")}};
  show_part_checksum(part, result);
  json::object out{{"CopyPartResult", std::move(result)},
                   {"ServerSideEncryption", upload.at("ServerSideEncryption")}};
  if (source.row.contains("VersionId")) out["CopySourceVersionId"] = source.row.at("VersionId");
  return out;
}

void erase_upload(Context& context, std::string_view bucket, const json::object& upload) {
  const std::string id = text(upload, "UploadId");
  for (const store::Row& part : context.scan(part_prefix(id))) context.erase(part.key);
  context.erase(upload_key(bucket, text(upload, "Key"), id));
}

// --- Completion ----------------------------------------------------------------------------------

struct Completed {
  std::vector<json::object> parts{};
  std::int64_t size{0};
};

std::string unquoted(std::string etag) {
  std::erase(etag, '"');
  return etag;
}

// What CompleteMultipartUpload says of a part must be what was uploaded.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
Result<json::object> find_part(const Context& context, const json::object& upload,
                               const json::object& named) {
  const std::int64_t part_number = number(named, "PartNumber", 0);
  auto part = get_json(context, part_key(text(upload, "UploadId"), part_number));
  bool same = part && unquoted(text(*part, "ETag")) == unquoted(text(named, "ETag"));
  const std::string algorithm = text(upload, "ChecksumAlgorithm");
  for (const api::ChecksumKind kind : api::checksum_kinds) {
    const std::string given = text(named, fmt::format("Checksum{}", api::name_of(kind)));
    if (!same || given.empty()) continue;
    same = text(part->at("Checksum").as_object(), api::name_of(kind)) == given;
  }
  if (!same)
    return fail("InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have "
                "been uploaded, or the specified entity tag may not match the part's entity tag.");
  if (text(upload, "ChecksumType") == "COMPOSITE" &&
      !named.contains(fmt::format("Checksum{}", algorithm))) {
    return fail("InvalidRequest",
                fmt::format("The upload was created using a {} checksum. The complete request must "
                            "include the checksum for each part. It was missing for part {} in the "
                            "request.",
                            lower_case(algorithm), part_number));
  }
  return *std::move(part);
}

Result<Completed> find_parts(const Context& context, const json::object& input,
                             const json::object& upload) {
  const json::object* request = find_object(input, "MultipartUpload");
  const json::array* named = request ? find_array(*request, "Parts") : nullptr;
  if (!named || named->empty()) return malformed_xml();
  Completed out;
  std::int64_t last = 0;
  for (const json::value& value : *named) {
    const std::int64_t part_number = number(value.as_object(), "PartNumber", 0);
    if (part_number <= last)
      return fail("InvalidPartOrder",
                  "The list of parts was not in ascending order. Parts must be ordered by part "
                  "number.");
    last = part_number;
    KIBAN_TRY(json::object part, find_part(context, upload, value.as_object()));
    out.size += number(part, "Size", 0);
    out.parts.push_back(std::move(part));
  }
  for (std::size_t i = 0; i + 1 < out.parts.size(); ++i) {
    if (number(out.parts[i], "Size", 0) < part_bytes_min)
      return fail("EntityTooSmall",
                  "Your proposed upload is smaller than the minimum allowed size");
  }
  if (input.contains("MpuObjectSize") && number(input, "MpuObjectSize", 0) != out.size)
    return fail("InvalidRequest",
                fmt::format("The provided 'x-amz-mp-object-size' header value {} does not match "
                            "what was computed: {}",
                            number(input, "MpuObjectSize", 0), out.size));
  return out;
}

std::string etag_of(const Completed& completed) {
  std::string digests;
  for (const json::object& part : completed.parts)
    digests += bytes_of_hex(unquoted(text(part, "ETag")));
  return fmt::format("\"{}-{}\"", store::md5_hex(digests), completed.parts.size());
}

// Of the parts' checksums, with their count, or of all bytes.
Result<std::string> object_checksum(const Completed& completed, api::ChecksumKind kind,
                                    const std::string& type) {
  std::string joined;
  for (std::size_t i = 0; i < completed.parts.size(); ++i) {
    const json::object& part = completed.parts[i];
    const std::string own = text(part.at("Checksum").as_object(), api::name_of(kind));
    if (type == "COMPOSITE") {
      joined += api::decode_base64(own).value_or("");
    } else if (i == 0) {
      joined = own;
    } else {
      KIBAN_TRY(joined, api::join_crcs(kind, joined, own,
                                       static_cast<std::uint64_t>(number(part, "Size", 0))));
    }
  }
  if (type != "COMPOSITE") return joined;
  return fmt::format("{}-{}", api::checksum_of(kind, joined), completed.parts.size());
}

Result<json::object> checksum_row(const json::object& input, const json::object& upload,
                                  const Completed& completed) {
  const auto promised = api::find_checksum(text(upload, "ChecksumAlgorithm"));
  const api::ChecksumKind kind = promised.value_or(api::ChecksumKind::Crc64nvme);
  const std::string type = text(upload, "ChecksumType", "FULL_OBJECT");
  if (promised && text(input, "ChecksumType", type) != type)
    return fail("InvalidRequest",
                fmt::format("The upload was created using the {} checksum mode. The complete "
                            "request must use the same checksum mode.",
                            type));
  KIBAN_TRY(const std::string own, object_checksum(completed, kind, type));
  KIBAN_TRY(const Wanted wanted, wanted_checksum(input));
  if (wanted.kind == kind && wanted.value != own && wanted.value != own.substr(0, own.find('-')))
    return fail("BadDigest",
                fmt::format("The {} you specified did not match the calculated checksum.",
                            api::name_of(kind)));
  return json::object{{"Checksum", {{api::name_of(kind), own}}}, {"ChecksumType", type}};
}

Result<json::object> complete_upload(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY(const json::object upload, load_upload(context, input));
  KIBAN_TRY_VOID(check_write_conditions(context, input));
  KIBAN_TRY(const Completed completed, find_parts(context, input, upload));
  KIBAN_TRY(json::object row, checksum_row(input, upload, completed));
  row["Key"] = upload.at("Key");
  row["Size"] = completed.size;
  row["ETag"] = etag_of(completed);
  row["LastModified"] = upload.at("Initiated");  // API_CompleteMultipartUpload.html: of its start.
  for (const std::string_view member : {"Tags", "ACL"})
    if (upload.contains(member)) row[member] = upload.at(member);
  for (const KeptMember& member : kept_members) {
    if (upload.contains(member.name)) row[member.name] = upload.at(member.name);
  }
  json::array pieces;
  json::array parts;
  for (const json::object& part : completed.parts) {
    for (json::value& piece : pieces_of(part)) {
      if (number(piece.as_object(), "Size", 0) > 0 || completed.size == 0)
        pieces.push_back(std::move(piece));
    }
    parts.push_back({{"PartNumber", part.at("PartNumber")}, {"Size", part.at("Size")}});
  }
  set_pieces(row, pieces);
  row["Parts"] = std::move(parts);
  json::object out = write_object(
      context, bucket, row, {"ObjectCreated:CompleteMultipartUpload", "CompleteMultipartUpload"});
  erase_upload(context, text(bucket, "Name"), upload);
  out["Bucket"] = bucket.at("Name");
  out["Key"] = row.at("Key");
  out["Location"] = fmt::format("{}/{}/{}", context.endpoint(), text(bucket, "Name"),
                                api::encode_uri(text(row, "Key")));
  out["ETag"] = row.at("ETag");
  out["ServerSideEncryption"] = row.at("ServerSideEncryption");
  show_checksum(row, out);
  return out;
}

Result<json::object> abort_upload(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object upload, load_upload(context, input));
  erase_upload(context, text(input, "Bucket"), upload);
  return json::object{};
}

// --- Listings ------------------------------------------------------------------------------------

Result<json::object> list_parts(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object upload, load_upload(context, input));
  const std::string id = text(upload, "UploadId");
  const std::int64_t after = number(input, "PartNumberMarker", 0);
  const std::int64_t limit =
      std::clamp<std::int64_t>(number(input, "MaxParts", page_max), 0, page_max);
  json::object out{{"Bucket", input.at("Bucket")},
                   {"Key", input.at("Key")},
                   {"UploadId", id},
                   {"PartNumberMarker", after},
                   {"MaxParts", limit},
                   {"IsTruncated", false},
                   {"StorageClass", text(upload, "StorageClass", "STANDARD")},
                   {"Initiator", somebody(context)},
                   {"Owner", somebody(context)}};
  for (const std::string_view member : {"ChecksumAlgorithm", "ChecksumType"})
    if (upload.contains(member)) out[member] = upload.at(member);
  json::array parts;
  std::int64_t last = after;
  for (const store::Row& row :
       context.scan(part_prefix(id), part_key(id, std::clamp<std::int64_t>(after, 0, 99'999)),
                    static_cast<std::size_t>(limit) + 1)) {
    if (parts.size() == static_cast<std::size_t>(limit)) {
      out["IsTruncated"] = true;
      break;
    }
    const auto part = get_json(context, row.key);
    last = number(*part, "PartNumber", 0);
    json::object entry{{"PartNumber", last},
                       {"LastModified", part->at("LastModified")},
                       {"ETag", part->at("ETag")},
                       {"Size", part->at("Size")}};
    show_part_checksum(*part, entry);
    parts.push_back(std::move(entry));
  }
  out["NextPartNumberMarker"] = last;
  if (!parts.empty()) out["Parts"] = std::move(parts);
  return out;
}

json::object upload_entry(const Context& context, const json::object& upload,
                          const std::string& shown_key) {
  json::object entry{{"Key", shown_key},
                     {"UploadId", upload.at("UploadId")},
                     {"Initiated", upload.at("Initiated")},
                     {"StorageClass", text(upload, "StorageClass", "STANDARD")},
                     {"Owner", somebody(context)},
                     {"Initiator", somebody(context)}};
  for (const std::string_view member : {"ChecksumAlgorithm", "ChecksumType"})
    if (upload.contains(member)) entry[member] = upload.at(member);
  return entry;
}

// By key, those of one key in the order in which they were begun.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
Result<json::object> list_uploads(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  const auto shown = [&](const std::string& name) {
    return text(input, "EncodingType") == "url" ? api::encode_uri(name, "/") : name;
  };
  const std::string base = upload_prefix(text(input, "Bucket"));
  const std::string prefix = text(input, "Prefix");
  const std::string delimiter = text(input, "Delimiter");
  const std::string marker = text(input, "KeyMarker");
  const std::string id_marker = text(input, "UploadIdMarker");
  const std::int64_t limit =
      std::clamp<std::int64_t>(number(input, "MaxUploads", page_max), 0, page_max);
  json::object out{{"Bucket", input.at("Bucket")}, {"KeyMarker", shown(marker)},
                   {"UploadIdMarker", id_marker},  {"MaxUploads", limit},
                   {"Prefix", shown(prefix)},      {"IsTruncated", false}};
  for (const std::string_view member : {"EncodingType", "Delimiter"})
    if (input.contains(member)) out[member] = input.at(member);
  json::array uploads;
  json::array prefixes;
  std::string rolled;
  for (const json::object& upload :
       limit == 0 ? std::vector<json::object>{} : list_json(context, base + prefix)) {
    const std::string key = text(upload, "Key");
    const std::string id = text(upload, "UploadId");
    if (!marker.empty() && (key < marker || (key == marker && id <= id_marker) ||
                            (key == marker && id_marker.empty())))
      continue;
    if (!rolled.empty() && key.starts_with(rolled)) continue;
    if (uploads.size() + prefixes.size() == static_cast<std::size_t>(limit)) {
      out["IsTruncated"] = true;
      break;
    }
    const std::size_t at =
        delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    if (at == std::string::npos) {
      uploads.push_back(upload_entry(context, upload, shown(key)));
      out["NextKeyMarker"] = shown(key);
      out["NextUploadIdMarker"] = id;
    } else {
      rolled = key.substr(0, at + delimiter.size());
      prefixes.push_back({{"Prefix", shown(rolled)}});
      out["NextKeyMarker"] = shown(rolled + "\xFF");  // Behind all keys that it stands for.
    }
  }
  if (!out.at("IsTruncated").as_bool()) {
    out.erase("NextKeyMarker");
    out.erase("NextUploadIdMarker");
  }
  if (!uploads.empty()) out["Uploads"] = std::move(uploads);
  if (!prefixes.empty()) out["CommonPrefixes"] = std::move(prefixes);
  return out;
}

}  // namespace

Result<json::object> load_upload(const Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  auto upload = get_json(
      context, upload_key(text(input, "Bucket"), text(input, "Key"), text(input, "UploadId")));
  if (upload) return *std::move(upload);
  return fail("NoSuchUpload",
              "The specified upload does not exist. The upload ID may be invalid, or the upload "
              "may have been aborted or completed.");
}

const CheckedTable& multipart_operations() {
  static const CheckedTable table = {
      {"AbortMultipartUpload",
       {abort_upload, "Bucket Key UploadId RequestPayer ExpectedBucketOwner"}},
      {"CompleteMultipartUpload",
       {complete_upload,
        "Bucket Key UploadId MultipartUpload ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME "
        "ChecksumSHA1 ChecksumSHA256 ChecksumType MpuObjectSize IfMatch IfNoneMatch RequestPayer "
        "ExpectedBucketOwner"}},
      {"CreateMultipartUpload",
       {create_upload,
        "ACL Bucket BucketKeyEnabled CacheControl ChecksumAlgorithm ChecksumType "
        "ContentDisposition ContentEncoding ContentLanguage ContentType Expires "
        "ExpectedBucketOwner Key Metadata RequestPayer SSEKMSKeyId ServerSideEncryption "
        "StorageClass Tagging WebsiteRedirectLocation"}},
      {"ListMultipartUploads",
       {list_uploads,
        "Bucket Delimiter EncodingType ExpectedBucketOwner KeyMarker MaxUploads Prefix "
        "RequestPayer UploadIdMarker"}},
      {"ListParts",
       {list_parts,
        "Bucket Key UploadId MaxParts PartNumberMarker RequestPayer ExpectedBucketOwner"}},
      {"UploadPart",
       {upload_part,
        "Body Bucket ChecksumAlgorithm ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME ChecksumSHA1 "
        "ChecksumSHA256 ContentLength ContentMD5 ExpectedBucketOwner Key PartNumber RequestPayer "
        "UploadId"}},
      {"UploadPartCopy",
       {copy_part,
        "Body Bucket CopySource CopySourceIfMatch CopySourceIfModifiedSince "
        "CopySourceIfNoneMatch CopySourceIfUnmodifiedSince CopySourceRange ExpectedBucketOwner "
        "ExpectedSourceBucketOwner Key PartNumber RequestPayer UploadId"}},
  };
  return table;
}

}  // namespace kiban::services::s3
