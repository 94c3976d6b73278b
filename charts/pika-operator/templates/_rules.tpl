{{- /* What the operator does in the namespaces that it watches; docs/operator.md lists it. To apply is patch, and create
where nothing was. Never pods/exec, never a Secret of another namespace where namespaces are named. */ -}}
{{- define "pika-operator.rules" -}}
- apiGroups: [pika.io]
  resources: [pikaclusters, pikatables]
  verbs: [get, list, watch]
- apiGroups: [pika.io]
  resources: [pikaclusters/status, pikatables/status]
  verbs: [patch]
# The finalizer of tables whose data go with them.
- apiGroups: [pika.io]
  resources: [pikatables]
  verbs: [patch]
# Children name their PikaCluster as an owner that waits for them, where Kubernetes checks who may say so.
- apiGroups: [pika.io]
  resources: [pikaclusters/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, secrets, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "pika-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "pika-operator.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}
