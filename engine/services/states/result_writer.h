// What a distributed Map's ResultWriter exports, a slice of its children a command.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "asl/interpreter.h"
#include "services/base/service.h"

namespace kiban::services::states {

// The export of one map run. Its row, states/REGION/writing/PATH/MAP, keeps how far it came; a
// file's text is kept as blobs until it is complete. Files have some MiB: as on AWS there may be
// several of a kind (SUCCEEDED_0.json, SUCCEEDED_1.json), which the manifest names.
class ResultExport {
 public:
  // `pending` are the inputs of children that were not started. Error States.ResultWriterFailed.
  static Result<ResultExport> begin(Context& context, const asl::WriteResults& writing,
                                    const std::string& execution_arn,
                                    const std::vector<Payload>& pending, const Caller& as);
  // Goes on with the stored row; nullopt: there is none.
  static std::optional<ResultExport> stored(Context& context, std::string_view execution_arn,
                                            std::int64_t map, const Caller& as);
  static void erase(Context& context, std::string_view execution_arn, std::int64_t map);

  // A slice. What the Map state returns once all is written: {"MapRunArn",
  // "ResultWriterDetails"}, or the results themselves when nothing is to be exported; nullopt: a
  // timer {"Execution", "Writing": map} goes on. Error States.ResultWriterFailed.
  Result<std::optional<Payload>> advance();

 private:
  ResultExport(Context& context, json::object row, const Caller& as)
      : context_(&context), row_(std::move(row)), as_(&as) {}
  std::int64_t map() const;
  std::string key() const;
  bool exports() const;
  Result<void> add(std::string_view kind, const json::value& result);
  void flush(std::string_view kind);
  Result<void> close(std::string_view kind);
  Result<void> put(const std::string& name, const json::object& body, std::int64_t size);
  Result<Payload> finish();
  json::object& file(std::string_view kind);

  Context* context_;
  json::object row_;
  const Caller* as_;
  std::map<std::string, std::string, std::less<>> texts_{};  // Not yet kept as a blob, by kind.
};

}  // namespace kiban::services::states
