// The results of a map run, as its ResultWriter exports them.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
#include <fmt/format.h>

#include "core/exact_json.h"
#include "services/base/table_service.h"
#include "services/states/map_objects.h"

namespace kiban::services::states {
namespace {

constexpr std::string_view writer_failed = "States.ResultWriterFailed";

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

// NONE: what happened to each child; COMPACT: their outputs; FLATTEN: these, arrays unrolled.
json::array transformed(const std::vector<json::object>& children,
                        const std::string& transformation) {
  json::array out;
  for (const json::object& child : children) {
    if (transformation == "NONE" || !child.contains("output")) {
      out.push_back(child_details(child));
      continue;
    }
    auto output = parse_json_exactly(text(child, "output"));
    if (!output) continue;
    json::array* inner = output->if_array();
    if (transformation == "FLATTEN" && inner) {
      for (json::value& element : *inner) out.push_back(std::move(element));
    } else {
      out.push_back(*std::move(output));
    }
  }
  return out;
}

// Which members tell of a child that never started is in no page: its input and that it is pending.
json::array pending_details(const std::vector<Payload>& inputs) {
  json::array out;
  for (const Payload& input : inputs)
    out.push_back(
        {{"Input", input.text()}, {"InputDetails", {{"Included", true}}}, {"Status", "PENDING"}});
  return out;
}

std::string written(const json::array& results, bool lines) {
  if (!lines) return print_json(results);
  std::string out;
  for (const json::value& result : results) out += print_json(result) + "\n";
  return out;
}

// Puts objects into the folder of one map run.
struct Export {
  Context& context;
  const Caller& as;
  json::object to{};  // Bucket, and ExpectedBucketOwner where it is given.
  std::string folder{};
  bool lines{false};

  Result<void> put(const std::string& key, const std::string& bytes) {
    json::object request = to;
    request["Key"] = key;
    request["ContentType"] = "application/json";
    request["Body"] = {{"Digest", context.put_blob(bytes)}, {"Size", bytes.size()}};
    const auto done = context.call("s3", "PutObject", request, as);
    if (!done) return fail(std::string(writer_failed), done.error().cause);
    return {};
  }
  // The manifest's entries. Files are named .json, JSON Lines too: the page knows no other name.
  Result<json::array> file(std::string_view name, const json::array& results) {
    json::array entries;
    if (results.empty()) return entries;
    const std::string key = fmt::format("{}{}_0.json", folder, name);
    const std::string bytes = written(results, lines);
    KIBAN_TRY_VOID(put(key, bytes));
    entries.push_back({{"Key", key}, {"Size", bytes.size()}});
    return entries;
  }
};

Result<Export> export_of(Context& context, const asl::WriteResults& writing, const Caller& as) {
  const json::value parameters = writing.parameters.tree();
  const json::object* given = parameters.if_object();
  if (!given || text(*given, "Bucket").empty())
    return fail(std::string(writer_failed), "The ResultWriter names no Bucket");
  Export out{.context = context, .as = as, .to = {{"Bucket", text(*given, "Bucket")}}};
  for (const auto& member : *given) {
    if (member.key() == "ExpectedBucketOwner")
      out.to["ExpectedBucketOwner"] = member.value();
    else if (member.key() != "Bucket" && member.key() != "Prefix")
      return fail(std::string(writer_failed),
                  fmt::format("kiban does not honour the parameter {} of a ResultWriter",
                              std::string_view(member.key())));
  }
  const std::string prefix = text(*given, "Prefix");
  out.folder = fmt::format("{}{}{}/", prefix, prefix.empty() ? "" : "/",
                           writing.map_run_arn.substr(writing.map_run_arn.rfind(':') + 1));
  out.lines = text(writing.config, "OutputType", "JSON") == "JSONL";
  return out;
}

}  // namespace

Result<json::value> write_results(Context& context, const asl::WriteResults& writing,
                                  const std::vector<json::object>& children,
                                  const std::vector<Payload>& pending, const Caller& as) {
  const bool exports = !writing.resource.action.empty();
  const std::string transformation =
      text(writing.config, "Transformation", exports ? "NONE" : "COMPACT");
  std::vector<json::object> good;
  std::vector<json::object> bad;
  for (const json::object& child : children)
    (text(child, "status") == "SUCCEEDED" ? good : bad).push_back(child);
  if (!exports) return json::value(transformed(good, transformation));
  KIBAN_TRY(Export files, export_of(context, writing, as));
  json::object listed;
  KIBAN_TRY(listed["FAILED"], files.file("FAILED", transformed(bad, "NONE")));
  KIBAN_TRY(listed["PENDING"], files.file("PENDING", pending_details(pending)));
  KIBAN_TRY(listed["SUCCEEDED"], files.file("SUCCEEDED", transformed(good, transformation)));
  const std::string manifest = files.folder + "manifest.json";
  KIBAN_TRY_VOID(
      files.put(manifest, print_json(json::object{{"DestinationBucket", files.to.at("Bucket")},
                                                  {"MapRunArn", writing.map_run_arn},
                                                  {"ResultFiles", std::move(listed)}})));
  return json::value{
      {"MapRunArn", writing.map_run_arn},
      {"ResultWriterDetails", {{"Bucket", files.to.at("Bucket")}, {"Key", manifest}}}};
}

}  // namespace kiban::services::states
