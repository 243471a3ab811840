// The transforms that run before anything else of a template is read: AWS::Include,
// AWS::LanguageExtensions (Fn::ForEach) and AWS::Serverless-2016-10-31 (cfn/sam). Macros of users
// are refused by name.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-reference.html
#pragma once

#include <functional>
#include <map>
#include <string>

#include "cfn/evaluate.h"
#include "core/json.h"

namespace kiban::cfn {

struct TransformInput {
  Stack stack{};
  Ports ports{};
  // The text at an S3 location (s3://BUCKET/KEY or a URL) that AWS::Include names.
  std::function<Result<std::string>(const std::string& location)> fetch{};
};

// Whether a transform has to run before the tree can be checked.
bool needs_transform(const json::object& tree);

// The section Transform names what is served. ValidationError.
Result<void> check_transforms(const json::object& tree);

// The tree with its transforms run; the section Transform stays. `given`: parameters by name as the
// client gave them. Error ValidationError, with the transform's name.
Result<json::object> apply_transforms(json::object tree,
                                      const std::map<std::string, std::string>& given,
                                      const TransformInput& input);

// One part of it: every Fn::ForEach replaced by what its loop makes. `evaluate` gives the value of
// a collection. At most five loops inside of each other.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
using Evaluate = std::function<Result<json::value>(const json::value& value)>;
Result<void> expand_loops(json::object& tree, const Evaluate& evaluate);

// Another: every Fn::Transform of AWS::Include, and the one of the section Transform, replaced by
// the members of the snippet that `fetch` gives.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html
Result<void> include_snippets(
    json::object& tree, const Evaluate& evaluate,
    const std::function<Result<std::string>(const std::string& location)>& fetch);

}  // namespace kiban::cfn
