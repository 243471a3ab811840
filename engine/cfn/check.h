// What CloudFormation finds wrong in a template by reading it, before any parameter has a value:
// the sections' members and the arguments of functions. The texts are the ones AWS answers with.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
#pragma once

#include <set>
#include <string>

#include "core/json.h"
#include "core/result.h"

namespace kiban::cfn {

// Error `ValidationError`. `tree` is an object; Resources was not looked at yet.
Result<void> check_nulls(const json::object& tree);

// Parameters, Mappings, Conditions, Outputs, and every function outside of Metadata. `tree` has
// passed the checks of its sections' shapes. With `extended` the functions of the transform
// AWS::LanguageExtensions are there too. Error `ValidationError`.
Result<void> check_template(const json::object& tree, bool extended);

// An export's name: letters, digits, colons and hyphens.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
Result<void> check_export_name(const std::string& output, const json::value& name);

}  // namespace kiban::cfn
