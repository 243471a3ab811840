// The results of a map run, as its ResultWriter exports them.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
#include "services/states/result_writer.h"

#include <fmt/format.h>

#include "core/exact_json.h"
#include "services/base/bulk.h"
#include "services/base/table_service.h"
#include "services/states/executions.h"
#include "services/states/names.h"

namespace kiban::services::states {
namespace {

constexpr std::string_view writer_failed = "States.ResultWriterFailed";
constexpr std::size_t children_per_slice = 200;
constexpr std::size_t slice_bytes_max = 1024UL * 1024;
// Below the size from which on a blob is written at once: others are synced with the commit.
constexpr std::size_t piece_bytes = 192UL * 1024;
constexpr std::int64_t file_bytes_max = 8L * 1024 * 1024;

std::string writing_key(const Context& context, std::string_view arn, std::int64_t map) {
  return row_key(context, "writing", fmt::format("{}/{:010}", execution_path(arn), map));
}

std::string stamp(const json::object& child, std::string_view member) {
  const json::value* seconds = find(child, member);
  return seconds ? format_iso8601(from_epoch_seconds(seconds->to_number<double>())) : std::string();
}

// Members in the order of the page's example.
json::object child_details(const json::object& child) {
  const std::string status = text(child, "status");
  json::object out;
  if (child.contains("cause")) out["Cause"] = text(child, "cause");
  if (child.contains("error")) out["Error"] = text(child, "error");
  out["ExecutionArn"] = text(child, "executionArn");
  out["Input"] = text(child, "input");
  out["InputDetails"] = {{"Included", true}};
  out["Name"] = text(child, "name");
  if (child.contains("output")) {
    out["Output"] = text(child, "output");
    out["OutputDetails"] = {{"Included", true}};
  }
  out["RedriveCount"] = number(child, "redriveCount", 0);
  const bool failed = status != "SUCCEEDED" && status != "RUNNING";
  out["RedriveStatus"] = failed ? "REDRIVABLE_BY_MAP_RUN" : "NOT_REDRIVABLE";
  if (!failed)
    out["RedriveStatusReason"] = fmt::format("Execution is {} and cannot be redriven", status);
  out["StartDate"] = stamp(child, "startDate");
  out["StateMachineArn"] = text(child, "stateMachineArn");
  out["Status"] = status;
  if (child.contains("stopDate")) out["StopDate"] = stamp(child, "stopDate");
  return out;
}

// What a child adds to a file. NONE: what happened to it; COMPACT: its output; FLATTEN: that, an
// array unrolled.
json::array shown_child(const json::object& child, const std::string& transformation) {
  if (transformation == "NONE" || !child.contains("output")) return {child_details(child)};
  auto output = parse_json_exactly(text(child, "output"));
  if (!output) return {};
  if (json::array* inner = output->if_array(); transformation == "FLATTEN" && inner)
    return std::move(*inner);
  json::array one;
  one.push_back(*std::move(output));
  return one;
}

// Bucket, and ExpectedBucketOwner where it is given.
Result<json::object> target_of(const json::value& parameters) {
  const json::object* given = parameters.if_object();
  if (!given || text(*given, "Bucket").empty())
    return fail(std::string(writer_failed), "The ResultWriter names no Bucket");
  json::object to{{"Bucket", text(*given, "Bucket")}};
  for (const auto& member : *given) {
    if (member.key() == "ExpectedBucketOwner")
      to["ExpectedBucketOwner"] = member.value();
    else if (member.key() != "Bucket" && member.key() != "Prefix")
      return fail(std::string(writer_failed),
                  fmt::format("kiban does not honour the parameter {} of a ResultWriter",
                              std::string_view(member.key())));
  }
  return to;
}

}  // namespace

// {"Execution", "Map", "MapRun", "Transformation", "After" (the child that came last), "Files":
//  {KIND: {"Pieces", "Size", "Number"}}, "Listed": {KIND: entries of the manifest}}, and of an
// export "To", "Folder" and "Lines".
Result<ResultExport> ResultExport::begin(Context& context, const asl::WriteResults& writing,
                                         const std::string& execution_arn,
                                         const std::vector<Payload>& pending, const Caller& as) {
  const bool exports = !writing.resource.action.empty();
  json::object row{
      {"Execution", execution_arn},
      {"Map", writing.map},
      {"MapRun", writing.map_run_arn},
      {"Transformation", text(writing.config, "Transformation", exports ? "NONE" : "COMPACT")},
      {"After", ""},
      {"Files", json::object{}},
      {"Listed",
       {{"FAILED", json::array{}}, {"PENDING", json::array{}}, {"SUCCEEDED", json::array{}}}},
      {"Lines", exports && text(writing.config, "OutputType", "JSON") == "JSONL"}};
  if (exports) {
    const json::value parameters = writing.parameters.tree();
    KIBAN_TRY(row["To"], target_of(parameters));
    const std::string prefix = text(parameters.get_object(), "Prefix");
    row["Folder"] = fmt::format("{}{}{}/", prefix, prefix.empty() ? "" : "/",
                                writing.map_run_arn.substr(writing.map_run_arn.rfind(':') + 1));
  }
  ResultExport made(context, std::move(row), as);
  // Which members tell of a child that never started is in no page: its input and that it is
  // pending.
  for (const Payload& input : pending) {
    if (!exports) break;
    KIBAN_TRY_VOID(made.add("PENDING", json::object{{"Input", input.text()},
                                                    {"InputDetails", {{"Included", true}}},
                                                    {"Status", "PENDING"}}));
  }
  return made;
}

std::optional<ResultExport> ResultExport::stored(Context& context, std::string_view execution_arn,
                                                 std::int64_t map, const Caller& as) {
  auto row = get_json(context, writing_key(context, execution_arn, map));
  if (!row) return std::nullopt;
  return ResultExport(context, *std::move(row), as);
}

void ResultExport::erase(Context& context, std::string_view execution_arn, std::int64_t map) {
  context.erase(writing_key(context, execution_arn, map));
}

std::int64_t ResultExport::map() const { return number(row_, "Map", 0); }

std::string ResultExport::key() const {
  return writing_key(*context_, text(row_, "Execution"), map());
}

bool ResultExport::exports() const { return row_.contains("To"); }

json::object& ResultExport::file(std::string_view kind) {
  json::object& files = row_["Files"].as_object();
  if (!files.contains(kind)) files[kind] = {{"Pieces", json::array{}}, {"Size", 0}, {"Number", 0}};
  return files[kind].as_object();
}

Result<void> ResultExport::add(std::string_view kind, const json::value& result) {
  std::string& text = texts_[std::string(kind)];
  const bool first = text.empty() && file(kind).at("Size") == 0;
  const bool lines = flag(row_, "Lines");
  if (!lines) text += first ? '[' : ',';
  append_json(text, result);
  if (lines) text += '\n';
  if (text.size() < piece_bytes) return {};
  flush(kind);
  return exports() && number(file(kind), "Size") >= file_bytes_max ? close(kind) : Result<void>{};
}

void ResultExport::flush(std::string_view kind) {
  std::string& text = texts_[std::string(kind)];
  if (text.empty()) return;
  json::object& of = file(kind);
  const auto size = static_cast<std::int64_t>(text.size());
  of["Pieces"].as_array().push_back(
      json::object{{"Digest", context_->put_blob(text)}, {"Offset", 0}, {"Size", size}});
  of["Size"] = number(of, "Size") + size;
  text.clear();
}

// The file is complete, if it has anything.
Result<void> ResultExport::close(std::string_view kind) {
  std::string& text = texts_[std::string(kind)];
  if (text.empty() && file(kind).at("Size") == 0) return {};
  if (!flag(row_, "Lines")) text += ']';
  flush(kind);
  json::object& of = file(kind);
  // Files are named .json, JSON Lines too: the page knows no other name.
  const std::string name =
      fmt::format("{}{}_{}.json", kiban::text(row_, "Folder"), kind, number(of, "Number"));
  const std::int64_t size = number(of, "Size");
  const json::array& pieces = of.at("Pieces").as_array();
  const json::object body =
      pieces.size() == 1 ? pieces[0].as_object() : json::object{{"Pieces", pieces}, {"Size", size}};
  KIBAN_TRY_VOID(put(name, body, size));
  row_["Listed"].as_object()[kind].as_array().push_back({{"Key", name}, {"Size", size}});
  of = {{"Pieces", json::array{}}, {"Size", 0}, {"Number", number(of, "Number") + 1}};
  return {};
}

Result<void> ResultExport::put(const std::string& name, const json::object& body,
                               std::int64_t size) {
  json::object request = row_.at("To").as_object();
  request["Key"] = name;
  request["ContentType"] = "application/json";
  request["Body"] = body;
  request["Body"].as_object()["Size"] = size;
  const auto done = context_->call("s3", "PutObject", request, *as_);
  if (!done) return fail(std::string(writer_failed), done.error().cause);
  return {};
}

Result<Payload> ResultExport::finish() {
  if (!exports()) {
    if (file("SUCCEEDED").at("Size") == 0 && texts_["SUCCEEDED"].empty())
      return Payload::from_tree(json::array{});
    texts_["SUCCEEDED"] += ']';
    flush("SUCCEEDED");
    const json::object& of = file("SUCCEEDED");
    auto all =
        read_bulk(*context_, json::object{{"Pieces", of.at("Pieces")}, {"Size", of.at("Size")}});
    if (!all) return fail(std::string(writer_failed), all.error().cause);
    return Payload::from_text(*std::move(all));
  }
  for (const auto* kind : {"FAILED", "PENDING", "SUCCEEDED"}) KIBAN_TRY_VOID(close(kind));
  const std::string manifest = text(row_, "Folder") + "manifest.json";
  const std::string bytes =
      print_json(json::object{{"DestinationBucket", row_.at("To").at("Bucket")},
                              {"MapRunArn", row_.at("MapRun")},
                              {"ResultFiles", row_.at("Listed")}});
  KIBAN_TRY_VOID(put(manifest, {{"Digest", context_->put_blob(bytes)}},
                     static_cast<std::int64_t>(bytes.size())));
  return Payload::from_tree(json::object{
      {"MapRunArn", row_.at("MapRun")},
      {"ResultWriterDetails", {{"Bucket", row_.at("To").at("Bucket")}, {"Key", manifest}}}});
}

Result<std::optional<Payload>> ResultExport::advance() {
  const std::string transformation = text(row_, "Transformation");
  const std::string prefix = child_prefix(*context_, text(row_, "Execution"), map());
  const std::string after = text(row_, "After");
  const auto rows =
      context_->scan(prefix, after.empty() ? after : prefix + after, children_per_slice);
  std::size_t read = 0;
  std::size_t bytes = 0;
  for (; read < rows.size() && bytes < slice_bytes_max; ++read) {
    row_["After"] = rows[read].key.substr(prefix.size());
    const auto child = read_execution(*context_, rows[read].value);
    if (!child) continue;
    const bool good = text(*child, "status") == "SUCCEEDED";
    bytes += text(*child, "input").size() + text(*child, "output").size();
    if (!good && !exports()) continue;
    for (const json::value& result : shown_child(*child, good ? transformation : "NONE"))
      KIBAN_TRY_VOID(add(good ? "SUCCEEDED" : "FAILED", result));
  }
  if (read == rows.size() && rows.size() < children_per_slice) {
    KIBAN_TRY(Payload output, finish());
    context_->erase(key());
    return output;
  }
  for (const auto* kind : {"FAILED", "PENDING", "SUCCEEDED"}) flush(kind);
  put_json(*context_, key(), row_);
  json::object payload = timer_payload(*context_, text(row_, "Execution"));
  payload["Writing"] = map();
  context_->set_timer("states", key(), context_->now(), std::move(payload));
  return std::optional<Payload>();
}

}  // namespace kiban::services::states
