// Types whose life is code of CloudFormation's own ("Handler", services/cloudformation/handler.h).
#include "cfn/type_lists.h"

namespace kiban::cfn {

const std::string_view stack_types = R"([
{"Type":"AWS::CloudFormation::CustomResource","Service":"cloudformation","Handler":"custom","Known":[],"Open":true,"Replace":[],"Create":[],"Delete":[],"Id":"=@generated","Attributes":{},"OpenAttributes":""},
{"Type":"AWS::CloudFormation::Stack","Service":"cloudformation","Handler":"stack","NameMax":128,"Known":["NotificationARNs","Parameters","Tags","TemplateURL","TimeoutInMinutes"],"Replace":[],"Updates":["NotificationARNs","Parameters","Tags","TemplateURL","TimeoutInMinutes"],"Update":[],"Create":[],"Delete":[],"Id":"=@generated","Attributes":{},"OpenAttributes":"Outputs."},
{"Type":"AWS::CloudFormation::WaitConditionHandle","Service":"cloudformation","Handler":"handle","Known":[],"Replace":[],"Create":[],"Delete":[],"Id":"=@generated","Attributes":{}},
{"Type":"AWS::CloudFormation::WaitCondition","Service":"cloudformation","Handler":"wait","Known":["Count","Handle","Timeout"],"Replace":[],"Create":[],"Delete":[],"Id":"=@generated","Attributes":{"Data":"=@generated"}}
])";

}  // namespace kiban::cfn
