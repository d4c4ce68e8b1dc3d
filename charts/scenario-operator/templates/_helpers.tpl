{{- define "scenario-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "scenario-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "scenario-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "scenario-operator.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "scenario-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "scenario-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- /* Labels of everything but the pods' selector; call with (list . COMPONENT). */}}
{{- define "scenario-operator.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "scenario-operator.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: scenario-operator
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "scenario-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "scenario-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name must be set when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "scenario-operator.leaseName" -}}
{{- default (include "scenario-operator.fullname" .) .Values.operator.lease.name }}
{{- end }}

{{- define "scenario-operator.image" -}}
{{- with .Values.image }}
{{- $repository := required "image.repository must be set to where you keep the operator's image: --set image.repository=REGISTRY/scenario-operator" .repository }}
{{- if .digest }}{{ $repository }}@{{ .digest }}{{ else }}{{ $repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- /* What the operator does to the objects of a namespace: the one place for cluster-wide and namespaced installs. */}}
{{- define "scenario-operator.rules" -}}
# What people write is read; attempts are made and, beyond historyLimit, removed.
- apiGroups: [scenarios.dev]
  resources: [scenarios, scenarioruns, upgradestrategies]
  verbs: [get, list, watch]
- apiGroups: [scenarios.dev]
  resources: [scenarioupgrades]
  verbs: [get, list, watch, create, delete]
- apiGroups: [scenarios.dev]
  resources: [scenarios/status, scenarioruns/status, scenarioupgrades/status]
  verbs: [patch]
# Workloads, hook Jobs, state and results.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, update, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
# Pods: the report finalizer, and probes that ask a node for an image's digest.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
# Revisions and artifact copies; a copy goes with the revision that owns it.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create]
# Told to people; read to see why a pod cannot be made.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create]
{{- end }}
