// The transform AWS::Serverless-2016-10-31: a template with AWS::Serverless resources to one with
// the resources that they stand for. Functions, state machines and layer versions are served; other
// types, events and properties are refused by name.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
// Where that leaves names and details open, the result is the one of AWS's published translator
// (the package aws-sam-translator), with which tests/e2e/test_sam.py compares it.
#pragma once

#include <map>
#include <string>

#include "core/json.h"
#include "core/result.h"

namespace kiban::cfn::sam {

constexpr const char* transform_name = "AWS::Serverless-2016-10-31";

// `tree` as read; the section Globals goes, the section Transform stays. `given`: parameters by
// name as the client gave them; defaults count too. `region` as in AWS::Region. Error
// ValidationError, in AWS's words where it has such.
Result<json::object> transform(json::object tree, const std::map<std::string, std::string>& given,
                               const std::string& region);

}  // namespace kiban::cfn::sam
