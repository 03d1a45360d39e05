/** On each instance of a Knative Revision: the Revision's name (knative.dev/serving pkg/apis/serving/register.go). */
export const revisionLabel = 'serving.knative.dev/revision';
